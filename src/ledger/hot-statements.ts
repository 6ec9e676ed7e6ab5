import type { QueryResultRow } from 'pg';
import { monotonicMs } from '../foundation/index.js';
import { isLocked, type Postgres } from '../postgres/index.js';
import type { TwoWays } from './executions-sql.js';

/** Whoever held a row for longer than a brisk statement waits may hold it for a while. */
const CAREFUL_FOR_MS = 1_000;

/** Sends hot statements the brisk way; after one met a row that somebody keeps locked, the careful way for a second. */
export class HotStatements {
  private carefulUntilMs = 0;

  constructor(private readonly postgres: Postgres) {}

  /** The rows of either way: they answer the same. Errors as of `Postgres.query`. */
  async query<Row extends QueryResultRow>(statement: TwoWays, values: readonly unknown[]): Promise<Row[]> {
    if (monotonicMs() >= this.carefulUntilMs) {
      try {
        return await this.postgres.query<Row>(statement.brisk, values);
      } catch (error) {
        if (!isLocked(error)) throw error;
        this.carefulUntilMs = monotonicMs() + CAREFUL_FOR_MS;
      }
    }
    return this.postgres.query<Row>(statement.careful, values);
  }
}
