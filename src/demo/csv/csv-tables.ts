import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres } from '../../index.js';
import type { CsvLine } from './csv-lines.js';

/** The tables `csv_rows` and `csv_rejects`. */
@Injectable()
export class CsvTables {
  constructor(private readonly postgres: Postgres) {}

  /** Runs `work` in a transaction of the ledger's database, so that a checkpoint can commit with the rows. */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.postgres.transaction(work);
  }

  /** Forgets what an earlier import of this dataset left. */
  async clear(manager: EntityManager, dataset: string): Promise<void> {
    await this.postgres.queryIn(manager, 'DELETE FROM shiftwork.csv_rows WHERE dataset = $1', [dataset]);
    await this.postgres.queryIn(manager, 'DELETE FROM shiftwork.csv_rejects WHERE dataset = $1', [dataset]);
  }

  /** Adds a batch. A line that is there already is a bug somewhere, and the unique index says so. */
  async add(manager: EntityManager, dataset: string, batch: readonly CsvLine[]): Promise<void> {
    const rows = batch.filter((it) => it.kind === 'row');
    const rejects = batch.filter((it) => it.kind === 'reject');
    if (rows.length > 0)
      await this.postgres.queryIn(manager, ADD_ROWS, [
        dataset,
        rows.map((it) => it.line),
        rows.map((it) => JSON.stringify(it.data)),
      ]);
    if (rejects.length > 0)
      await this.postgres.queryIn(manager, ADD_REJECTS, [
        dataset,
        rejects.map((it) => it.line),
        rejects.map((it) => storable(it.raw)),
        rejects.map((it) => it.reason),
      ]);
  }
}

const ADD_ROWS = `
  INSERT INTO shiftwork.csv_rows (dataset, line, data)
  SELECT $1, line, data::jsonb FROM unnest($2::int[], $3::text[]) AS batch (line, data)`;

const ADD_REJECTS = `
  INSERT INTO shiftwork.csv_rejects (dataset, line, raw, reason)
  SELECT $1, line, raw, reason FROM unnest($2::int[], $3::text[], $4::text[]) AS batch (line, raw, reason)`;

// PostgreSQL takes no NUL in a text; a kept reject must not be lost to that. 8 KiB of it are enough for a person.
function storable(raw: string): string {
  return raw.slice(0, 8_192).replaceAll('\0', '\uFFFD').toWellFormed();
}
