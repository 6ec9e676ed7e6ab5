import { createReadStream } from 'node:fs';
import { type CsvError, type Info, parse } from 'csv-parse';
import { DoNotRetry } from '../../index.js';

/** One record of the file. `line` is the line it ends on (the header is line 1), `bytes` how much of the file is read by then. */
export type CsvLine = { line: number; bytes: number } & (
  { kind: 'row'; data: Record<string, string> } | { kind: 'reject'; raw: string; reason: string }
);

/** A record longer than this is no record but a quote that is never closed. */
const MAX_RECORD_BYTES = 1_048_576;

/**
 * The records of a CSV file with a header, in order, without ever holding more than a few of them. A record whose shape is wrong
 * is yielded as a reject with the reason; a file that cannot be read as CSV at all throws `DoNotRetry`.
 */
export async function* csvLines(file: string, signal: AbortSignal): AsyncGenerator<CsvLine, void> {
  const faults: CsvError[] = [];
  const parser = parse({
    info: true,
    raw: true,
    bom: true,
    skip_empty_lines: true,
    relax_quotes: true,
    relax_column_count: true, // we count the columns ourselves, to say what is wrong
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: MAX_RECORD_BYTES,
    skip_records_with_error: true, // an error would throw away the good records read ahead of it
    on_skip: (error) => {
      if (error !== undefined) faults.push(error);
    },
  });
  const source = createReadStream(file, { signal });
  source.on('error', (error) => parser.destroy(error));
  let header: string[] | undefined;
  let twice = 0;
  try {
    for await (const each of source.pipe(parser) as AsyncIterable<ParsedRecord>) {
      twice += countedTwice(each.record.join());
      if (header === undefined) header = checkedHeader(each.record);
      else yield lineOf(each, header, twice);
    }
  } finally {
    source.destroy();
  }
  for (const fault of faults) yield rejectOf(fault, twice);
}

/** Line breaks of two characters inside quotes: csv-parse counts each as two lines. */
function countedTwice(text: string): number {
  return text.split('\r\n').length - 1;
}

/** What csv-parse yields with `info` and `raw`. */
interface ParsedRecord {
  record: string[];
  raw: string;
  info: Info;
}

function checkedHeader(names: string[]): string[] {
  if (names.some(hasNul)) throw new DoNotRetry(new Error('The header contains a NUL character'));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DoNotRetry(new Error(`The header names the column "${twice}" twice`));
  return names;
}

function lineOf({ record, raw, info }: ParsedRecord, header: readonly string[], twice: number): CsvLine {
  const at = { line: info.lines - twice, bytes: info.bytes };
  const reason = faultOf(record, header);
  if (reason !== undefined) return { ...at, kind: 'reject', raw: raw.trimEnd(), reason };
  return { ...at, kind: 'row', data: Object.fromEntries(header.map((name, i) => [name, record[i] ?? ''])) };
}

function faultOf(record: readonly string[], header: readonly string[]): string | undefined {
  if (record.length !== header.length)
    return `has ${String(record.length)} columns, the header has ${String(header.length)}`;
  if (record.some(hasNul)) return 'contains a NUL character';
  return undefined;
}

// PostgreSQL keeps none in a text.
function hasNul(cell: string): boolean {
  return cell.includes('\0');
}

function rejectOf(fault: CsvError, twice: number): CsvLine {
  const { lines, bytes, raw } = fault as CsvError & Partial<Info & { raw: string }>; // csv-parse adds its position to the error
  if (fault.code !== 'CSV_QUOTE_NOT_CLOSED') throw new DoNotRetry(fault);
  return {
    kind: 'reject',
    line: (lines ?? 0) - twice - countedTwice(raw ?? ''),
    bytes: bytes ?? 0,
    raw: raw ?? '',
    reason: 'opens a quote that is never closed',
  };
}
