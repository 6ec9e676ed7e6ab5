import { Injectable } from '@nestjs/common';
import { Deadline, pause, SECOND } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';
import { KEEP_CANCELLED } from './executions-sql.js';
import { TasksHeldError } from './ledger-errors.js';
import { conditions, type TaskFilter } from './task-conditions.js';

export interface CancelOutcome {
  readonly id: string;
  readonly queue: string;
  /** CANCELLED: it was waiting and has ended. STARTED: it runs, and has been asked to stop. */
  readonly status: 'CANCELLED' | 'STARTED';
}

/** Rows that are held by somebody are tried again this soon, ms, and given up after so long. */
const AGAIN_MS = 100;
const PATIENCE_MS = 5 * SECOND;

/**
 * Ends waiting tasks, and leaves a request on running ones that every later write of theirs is told of.
 *
 * A job may hold its own row in an open transaction. Nobody else's task is kept locked meanwhile: such a row is skipped, told to
 * `onHeld` (so that its job can be asked by other means, and end its transaction) and tried again, for 5 s in all.
 */
@Injectable()
export class CancelTasks {
  constructor(private readonly postgres: Postgres) {}

  /**
   * Answers what was cancelled or asked to stop, as soon as it is. Ids that have ended, or do not exist, are missing from the
   * answers. Throws `TasksHeldError` when some are still held after 5 s.
   */
  async *byIds(
    ids: readonly string[],
    onHeld: OnHeld = ignore,
  ): AsyncGenerator<CancelOutcome[], void, undefined> {
    const deadline = Deadline.after(PATIENCE_MS);
    for (let asked = ids; ;) {
      const rows = await this.postgres.query<Picked>(CANCEL, [asked]);
      yield outcomesOf(rows);
      asked = heldOf(rows);
      if (asked.length === 0) return;
      if (deadline.isOver) throw new TasksHeldError(asked);
      onHeld(asked);
      await pause(AGAIN_MS);
    }
  }

  /**
   * The same for all that match and were accepted before this call, `batch` at a time, the oldest first, those that are held
   * last. Requests already made do not count. A batch may be smaller, even empty: meanwhile some of its tasks have ended by
   * themselves.
   */
  async *matching(
    filter: TaskFilter,
    batch: number,
    onHeld: OnHeld = ignore,
  ): AsyncGenerator<CancelOutcome[], void, undefined> {
    const [now] = await this.postgres.query<{ at: string }>({ text: 'SELECT now()::text AS at' });
    const { where, values } = conditions(filter, 4);
    const text = cancelling(`SELECT n.id FROM shiftwork.task_now n JOIN shiftwork.live v ON v.id = n.id
      WHERE n.id > $3 AND n.cancel_requested_at IS NULL AND n.created_at <= $1::timestamptz AND ${where} ORDER BY n.id LIMIT $2`);
    const held: string[] = [];
    for (let last = NIL; ;) {
      const rows = await this.postgres.query<Picked>({ text }, [now?.at, batch, last, ...values]);
      held.push(...heldOf(rows));
      yield outcomesOf(rows);
      if (rows.length < batch) break;
      for (const { id } of rows) if (id > last) last = id;
    }
    if (held.length > 0) yield* this.byIds(held, onHeld);
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

/** Tasks whose rows somebody holds locked at the moment. */
type OnHeld = (ids: readonly string[]) => void;
const ignore: OnHeld = () => undefined;

/** Less than every id. */
const NIL = '00000000-0000-0000-0000-000000000000';

/** A task that was picked; `status` is null if it ended before it could be locked, or is held. */
interface Picked {
  readonly id: string;
  readonly queue: string | null;
  readonly status: CancelOutcome['status'] | null;
  readonly held: boolean;
}

function heldOf(rows: readonly Picked[]): string[] {
  return rows.filter(({ held }) => held).map(({ id }) => id);
}

function outcomesOf(rows: readonly Picked[]): CancelOutcome[] {
  return rows.flatMap(({ id, queue, status }) =>
    queue === null || status === null ? [] : [{ id, queue, status }],
  );
}

/** `pick`: a query of ids. */
function cancelling(pick: string): string {
  return `WITH picked AS MATERIALIZED (${pick}),
  mine AS MATERIALIZED (
    SELECT l.* FROM shiftwork.live l WHERE l.id IN (SELECT id FROM picked) ORDER BY l.id FOR UPDATE OF l SKIP LOCKED),
  asked AS (
    UPDATE shiftwork.live l SET cancel_requested_at = coalesce(l.cancel_requested_at, now()), version = l.version + 1
      FROM mine m WHERE l.id = m.id AND m.status = 'STARTED'),
  left_live AS (DELETE FROM shiftwork.live l USING mine m WHERE l.id = m.id AND m.status <> 'STARTED'),
  ended AS (
    ${KEEP_CANCELLED} FROM mine WHERE status <> 'STARTED')
  SELECT id, m.queue, CASE WHEN m.status = 'STARTED' THEN 'STARTED' WHEN m.status IS NOT NULL THEN 'CANCELLED' END AS status,
         m.id IS NULL AND EXISTS (SELECT 1 FROM shiftwork.live l WHERE l.id = picked.id) AS held
    FROM picked LEFT JOIN mine m USING (id)`;
}

const CANCEL = { name: 'cancel', replans: true, text: cancelling('SELECT unnest($1::uuid[]) AS id') };
