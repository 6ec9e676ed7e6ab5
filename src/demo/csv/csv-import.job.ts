import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { type Job, JobHandler, type TaskContext } from '../../index.js';
import { isStoragePath, Storage } from '../storage.js';
import { type CsvLine, csvLines } from './csv-lines.js';
import { CsvTables } from './csv-tables.js';

const CsvImportPayload = z.strictObject({
  file: z.string().refine(isStoragePath, 'must be a path below STORAGE_DIR, such as airports.csv'),
  dataset: z.string().min(1).max(100),
  batchSize: z.int().min(1).max(5_000).default(500),
});
export type CsvImportPayload = z.output<typeof CsvImportPayload>;

export interface CsvImportResult {
  rows: number;
  rejected: number;
}

/** How far an import is: everything up to and with this line is committed. */
interface Position extends CsvImportResult {
  line: number;
}

const START: Position = { line: 0, rows: 0, rejected: 0 };

/**
 * Streams a CSV file into `csv_rows`, as a replacement of what the dataset held. Each batch is one transaction that also holds
 * the checkpoint: however often the worker is replaced or killed, every line is imported exactly once.
 */
@JobHandler({ name: 'csv.import', payload: CsvImportPayload })
export class CsvImportJob implements Job<CsvImportPayload, CsvImportResult, Position> {
  constructor(
    private readonly storage: Storage,
    private readonly tables: CsvTables,
  ) {}

  async run(payload: CsvImportPayload, task: TaskContext<Position>): Promise<CsvImportResult> {
    const file = await this.storage.existing(payload.file);
    const { size } = await stat(file);
    let position = task.lastCheckpoint ?? START;
    if (position === START) await this.begin(payload, task);
    for await (const batch of batches(csvLines(file, task.signal), position.line, payload.batchSize)) {
      position = await this.store(payload.dataset, batch, position, task);
      const bytes = batch.at(-1)?.bytes ?? size;
      await task.progress(Math.min(99, (100 * bytes) / size), `${String(position.rows)} rows`);
    }
    return { rows: position.rows, rejected: position.rejected };
  }

  private async begin({ dataset }: CsvImportPayload, task: TaskContext<Position>): Promise<void> {
    await this.tables.transaction(async (transaction) => {
      await this.tables.clear(transaction, dataset);
      await task.checkpoint(START, { transaction });
    });
  }

  private async store(
    dataset: string,
    batch: readonly CsvLine[],
    from: Position,
    task: TaskContext<Position>,
  ): Promise<Position> {
    const rejected = batch.filter((it) => it.kind === 'reject').length;
    const position = {
      line: batch.at(-1)?.line ?? from.line,
      rows: from.rows + batch.length - rejected,
      rejected: from.rejected + rejected,
    };
    await this.tables.transaction(async (transaction) => {
      await this.tables.add(transaction, dataset, batch);
      await task.checkpoint(position, { transaction });
    });
    return position;
  }
}

/** The lines after `afterLine`, `size` at a time. */
async function* batches(
  lines: AsyncIterable<CsvLine>,
  afterLine: number,
  size: number,
): AsyncGenerator<CsvLine[], void> {
  let batch: CsvLine[] = [];
  for await (const line of lines) {
    if (line.line <= afterLine) continue; // committed by an earlier execution
    if (batch.push(line) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
