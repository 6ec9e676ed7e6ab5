import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';
import { conditions, type TaskFilter } from './task-conditions.js';

export interface CancelOutcome {
  readonly id: string;
  readonly queue: string;
  /** CANCELLED: it was waiting and has ended. STARTED: it runs, and has been asked to stop. */
  readonly status: 'CANCELLED' | 'STARTED';
}

/** Ends waiting tasks, and leaves a request on running ones that every later write of theirs is told of. */
@Injectable()
export class CancelTasks {
  constructor(private readonly postgres: Postgres) {}

  /** Answers what was cancelled or asked to stop. Ids that have ended, or do not exist, are missing from the answer. */
  async byIds(ids: readonly string[]): Promise<CancelOutcome[]> {
    return this.postgres.query<CancelOutcome & object>(
      { name: 'cancel', text: cancelling('l.id = ANY($1::uuid[])') },
      [ids],
    );
  }

  /** The same for up to `limit` tasks that match; call again until it answers none. Requests already made do not count. */
  async matching(filter: TaskFilter, limit: number): Promise<CancelOutcome[]> {
    const { where, values } = conditions(filter, 1);
    const text =
      cancelling(`l.id IN (SELECT n.id FROM shiftwork.task_now n JOIN shiftwork.live v ON v.id = n.id
      WHERE n.cancel_requested_at IS NULL AND ${where} ORDER BY n.id LIMIT ${String(limit)})`);
    return this.postgres.query<CancelOutcome & object>({ text }, values);
  }

  /** Of these running tasks, those that somebody has asked to stop. */
  async requestedOf(ids: readonly string[]): Promise<string[]> {
    const rows = await this.postgres.query<{ id: string }>(
      {
        text: 'SELECT id FROM shiftwork.live WHERE id = ANY($1::uuid[]) AND cancel_requested_at IS NOT NULL',
      },
      [ids],
    );
    return rows.map((row) => row.id);
  }
}

function cancelling(which: string): string {
  return `WITH mine AS MATERIALIZED (SELECT l.* FROM shiftwork.live l WHERE ${which} ORDER BY l.id FOR UPDATE OF l),
  asked AS (
    UPDATE shiftwork.live l SET cancel_requested_at = coalesce(l.cancel_requested_at, now()), version = l.version + 1
      FROM mine m WHERE l.id = m.id AND m.status = 'STARTED'),
  left_live AS (DELETE FROM shiftwork.live l USING mine m WHERE l.id = m.id AND m.status <> 'STARTED'),
  ended AS (
    INSERT INTO shiftwork.ended (id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim, progress_percent, progress_message, checkpoint, error)
    SELECT id, 'CANCELLED', execution, attempts_made, interruptions, crashes, version + 1, started_at, worker, claim, progress_percent,
           progress_message, checkpoint, error
      FROM mine WHERE status <> 'STARTED')
  SELECT id, queue, CASE WHEN status = 'STARTED' THEN 'STARTED' ELSE 'CANCELLED' END AS status FROM mine`;
}
