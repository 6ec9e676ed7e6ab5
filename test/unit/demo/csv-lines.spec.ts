import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CsvLine, csvLines } from '../../../src/demo/csv/csv-lines.js';
import { DoNotRetry } from '../../../src/jobs/index.js';

const SAMPLES = join(import.meta.dirname, '../../../samples');

async function all(lines: AsyncIterable<CsvLine>): Promise<CsvLine[]> {
  const found: CsvLine[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

describe('reading CSV', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'shiftwork-csv-'));
  });
  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  const read = async (text: string): Promise<CsvLine[]> => {
    const file = join(dir, 'a.csv');
    writeFileSync(file, text);
    return all(csvLines(file, new AbortController().signal));
  };
  const short = (lines: CsvLine[]): unknown[] =>
    lines.map((it) => [it.line, it.kind === 'row' ? it.data : it.reason]);

  it('yields the good rows by column name and the bad ones with the reason, in order, by the line they end on', async () => {
    const text = '\uFEFFa,b\r\n1,2\n1,2,3\n\n"x\ny","4,5"\nzz"q,6\n7\n8,9';
    expect(short(await read(text))).toEqual([
      [2, { a: '1', b: '2' }],
      [3, 'has 3 columns, the header has 2'],
      [6, { a: 'x\ny', b: '4,5' }],
      [7, { a: 'zz"q', b: '6' }],
      [8, 'has 1 columns, the header has 2'],
      [9, { a: '8', b: '9' }],
    ]);
  });

  it('counts a line break of two characters inside a cell as one line', async () => {
    expect(short(await read('"a\r\n(m)",b\r\n\r\n"1\r\n\r\n1",2\r\n3\r\n"open\r\n4\r\n'))).toEqual([
      [6, { 'a\r\n(m)': '1\r\n\r\n1', b: '2' }],
      [7, 'has 1 columns, the header has 2'],
      [9, 'opens a quote that is never closed'],
    ]);
  });

  it('takes a carriage return alone for the end of a line, as old spreadsheets write it', async () => {
    expect(short(await read('a,b\r1,2\r"x\ry",3\r\r4'))).toEqual([
      [2, { a: '1', b: '2' }],
      [4, { a: 'x\ry', b: '3' }],
      [6, 'has 1 columns, the header has 2'],
    ]);
  });

  it('keeps every good row before a quote that is never closed', async () => {
    expect(short(await read('a,b\n1,2\n"open,3\n4,5'))).toEqual([
      [2, { a: '1', b: '2' }],
      [4, 'opens a quote that is never closed'],
    ]);
  });

  it('refuses a file that is no CSV rather than swallowing it', async () => {
    await expect(read(`a,b\n1,2\n"${'x'.repeat(1_100_000)}\n4,5`)).rejects.toThrow(DoNotRetry);
    await expect(read('a,a\n1,2')).rejects.toThrow('twice');
    await expect(read('a,b\0\n1,2')).rejects.toThrow('The header contains a NUL character');
    expect(await read('')).toEqual([]);
  });

  it('reads the real sample: 3,376 airports, every line', async () => {
    const lines = await all(csvLines(join(SAMPLES, 'airports.csv'), new AbortController().signal));
    expect(lines.filter((it) => it.kind === 'row')).toHaveLength(3_376);
    expect(lines.at(-1)?.line).toBe(3_377);
  });
});
