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
    const rows = await this.postgres.query<Picked>(
      { name: 'cancel', text: cancelling('SELECT unnest($1::uuid[]) AS id') },
      [ids],
    );
    return rows.filter(isOutcome);
  }

  /**
   * The same for all that match and were accepted before this call, `batch` at a time, the oldest first. Requests already
   * made do not count. A batch may be smaller, even empty: meanwhile some of its tasks have ended by themselves.
   */
  async *matching(filter: TaskFilter, batch: number): AsyncGenerator<CancelOutcome[], void, undefined> {
    const [now] = await this.postgres.query<{ at: string }>({ text: 'SELECT now()::text AS at' });
    const { where, values } = conditions(filter, 3);
    const text = cancelling(`SELECT n.id FROM shiftwork.task_now n JOIN shiftwork.live v ON v.id = n.id
      WHERE n.cancel_requested_at IS NULL AND n.created_at <= $1::timestamptz AND ${where} ORDER BY n.id LIMIT $2`);
    for (;;) {
      const rows = await this.postgres.query<Picked>({ text }, [now?.at, batch, ...values]);
      yield rows.filter(isOutcome);
      if (rows.length < batch) return;
    }
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

/** A task that was picked; `status` is null if it ended before it could be locked. */
interface Picked {
  readonly id: string;
  readonly queue: string | null;
  readonly status: CancelOutcome['status'] | null;
}

function isOutcome(picked: Picked): picked is CancelOutcome {
  return picked.status !== null;
}

/** `pick`: a query of ids. */
function cancelling(pick: string): string {
  return `WITH picked AS MATERIALIZED (${pick}),
  mine AS MATERIALIZED (
    SELECT l.* FROM shiftwork.live l WHERE l.id IN (SELECT id FROM picked) ORDER BY l.id FOR UPDATE OF l),
  asked AS (
    UPDATE shiftwork.live l SET cancel_requested_at = coalesce(l.cancel_requested_at, now()), version = l.version + 1
      FROM mine m WHERE l.id = m.id AND m.status = 'STARTED'),
  left_live AS (DELETE FROM shiftwork.live l USING mine m WHERE l.id = m.id AND m.status <> 'STARTED'),
  ended AS (
    INSERT INTO shiftwork.ended (id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim, progress_percent, progress_message, checkpoint, error)
    SELECT id, 'CANCELLED', execution, attempts_made, interruptions, crashes, version + 1, started_at, worker, claim, progress_percent,
           progress_message, checkpoint, error
      FROM mine WHERE status <> 'STARTED')
  SELECT id, m.queue, CASE WHEN m.status = 'STARTED' THEN 'STARTED' WHEN m.status IS NOT NULL THEN 'CANCELLED' END AS status
    FROM picked LEFT JOIN mine m USING (id)`;
}
