import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';

/** A task that the ledger knows as STARTED by a process. */
export interface StartedTask {
  readonly task: string;
  readonly job: string;
  readonly queue: string;
  /** Process id. */
  readonly worker: string;
  /** ISO instant. */
  readonly since: string;
}

/** What the ledger says of running tasks: the last word on whether a process has really nothing left to do. */
@Injectable()
export class StartedBy {
  constructor(private readonly postgres: Postgres) {}

  /** Tasks that these processes have started and not ended, oldest first. No ids: no question to the database. */
  async processes(processIds: readonly string[]): Promise<StartedTask[]> {
    if (processIds.length === 0) return [];
    const rows = await this.postgres.query<Omit<StartedTask, 'since'> & { since: Date }>(
      {
        text: `SELECT id AS task, job, queue, worker, started_at AS since FROM shiftwork.live
                WHERE status = 'STARTED' AND worker = ANY($1::uuid[]) ORDER BY started_at, id`,
      },
      [processIds],
    );
    return rows.map((row) => ({ ...row, since: row.since.toISOString() }));
  }
}
