import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';

/** SQL expression for the chores: whether any task waits for a process that knows its job. */
export const PARKED_WAIT = 'EXISTS (SELECT 1 FROM shiftwork.live WHERE parked IS NOT NULL)';

/** Moves of waiting tasks that are no execution's business. */
@Injectable()
export class WaitingMoves {
  constructor(private readonly postgres: Postgres) {}

  /** A SCHEDULED or RETRYING task becomes QUEUED now. False: it was not waiting for its time. */
  async promote(id: string): Promise<boolean> {
    const rows = await this.postgres.query(
      {
        text: `UPDATE shiftwork.live SET status = 'QUEUED', due_at = NULL, ready_at = now(), version = version + 1
              WHERE id = $1 AND status IN ('SCHEDULED', 'RETRYING') AND due_at > now() RETURNING id`,
      },
      [id],
    );
    return rows.length > 0;
  }

  /** Notes that no live process knows the job: the task has no entry in Redis until one boots. */
  async park(ids: readonly string[], job: string): Promise<void> {
    await this.postgres.query(
      { text: `UPDATE shiftwork.live SET parked = $2 WHERE id = ANY($1::uuid[]) AND status <> 'STARTED'` },
      [ids, job],
    );
  }

  /** Un-parks what waits for these jobs in these queues and answers the ids: their entries must be put. */
  async unpark(jobs: readonly string[], queues: readonly string[]): Promise<string[]> {
    const rows = await this.postgres.query<{ id: string }>(
      {
        text: `UPDATE shiftwork.live SET parked = NULL WHERE parked = ANY($1::text[]) AND queue = ANY($2::text[]) RETURNING id`,
      },
      [jobs, queues],
    );
    return rows.map((row) => row.id);
  }
}
