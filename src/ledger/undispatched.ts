import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';
import type { TaskStatus } from './task-status.js';

/** A row that waits, with what its entry in Redis needs. */
export interface WaitingTask {
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  /** JSON text. */
  readonly payload: string;
  readonly priority: number | null;
  /** Set while it waits for a moment. */
  readonly dueAt: Date | null;
  readonly createdAt: Date;
  readonly crashes: number;
}

/** How a row stands, for whoever finds an entry without an owner. */
export interface TaskStanding {
  readonly id: string;
  readonly status: TaskStatus;
  /** Of the latest execution. */
  readonly claim: string | null;
  readonly parked: boolean;
}

/** A reminder that these tasks may not have reached Redis. */
export interface Reminder {
  readonly id: string;
  readonly taskIds: readonly string[];
}

/** What Redis should hold and may not: the reads behind relay, refill, window and sweep. All wait-conditions are the ledger's own. */
@Injectable()
export class Undispatched {
  constructor(private readonly postgres: Postgres) {}

  /** Outbox rows of this process, of processes that are gone, and those older than 5 s. Oldest first. */
  async reminders(processId: string, limit: number): Promise<Reminder[]> {
    return this.postgres.query<Reminder & object>(
      {
        text: `SELECT o.id, o.task_ids AS "taskIds" FROM shiftwork.outbox o
              WHERE o.process = $1 OR o.at < now() - interval '5 seconds'
                 OR NOT EXISTS (SELECT 1 FROM shiftwork.process p WHERE p.id = o.process AND p.gone_at IS NULL)
              ORDER BY o.at LIMIT $2`,
      },
      [processId, limit],
    );
  }

  /** Those of these tasks that wait (for a moment, or for a worker), and are not parked. */
  async waitingOf(ids: readonly string[]): Promise<WaitingTask[]> {
    return this.postgres.query<WaitingTask & object>(
      {
        text: `SELECT ${WAITING_COLUMNS} FROM shiftwork.live l JOIN shiftwork.task t ON t.id = l.id
              WHERE l.id = ANY($1::uuid[]) AND ${WAITS} ORDER BY l.id`,
      },
      [ids],
    );
  }

  /** Tasks of a queue that wait, or become due within `windowMs`, in the order of their ids, those after `afterId`. */
  async waitingPage(
    queue: string,
    afterId: string | null,
    limit: number,
    windowMs: number,
  ): Promise<WaitingTask[]> {
    return this.postgres.query<WaitingTask & object>(
      {
        text: `SELECT ${WAITING_COLUMNS} FROM shiftwork.live l JOIN shiftwork.task t ON t.id = l.id
              WHERE l.queue = $1 AND ($2::uuid IS NULL OR l.id > $2) AND ${WAITS}
                AND (l.due_at IS NULL OR l.due_at <= now() + $4 * interval '1 millisecond')
              ORDER BY l.id LIMIT $3`,
      },
      [queue, afterId, limit, windowMs],
    );
  }

  /** Tasks that wait for a moment in (from, until], soonest first, at most `limit`, those after `afterId` at `from` itself. */
  async dueWithin(from: Date, afterId: string, until: Date, limit: number): Promise<WaitingTask[]> {
    return this.postgres.query<WaitingTask & object>(
      {
        text: `SELECT ${WAITING_COLUMNS} FROM shiftwork.live l JOIN shiftwork.task t ON t.id = l.id
              WHERE (l.due_at, l.id) > ($1, $2::uuid) AND l.due_at <= $3 AND ${WAITS}
              ORDER BY l.due_at, l.id LIMIT $4`,
      },
      [from, afterId, until, limit],
    );
  }

  /** Rows as they stand; a task that the ledger does not know is left out. */
  async standings(ids: readonly string[]): Promise<TaskStanding[]> {
    return this.postgres.query<TaskStanding & object>(
      {
        text: `SELECT t.id, coalesce(l.status, e.status) AS status, coalesce(l.claim, e.claim) AS claim, l.parked IS NOT NULL AS parked
               FROM shiftwork.task t LEFT JOIN shiftwork.live l ON l.id = t.id LEFT JOIN shiftwork.ended e ON e.id = t.id WHERE t.id = ANY($1::uuid[])`,
      },
      [ids],
    );
  }

  /** Queues that have tasks which have not ended. One index probe per queue. */
  async queues(): Promise<string[]> {
    const rows = await this.postgres.query<{ queue: string }>({
      text: `WITH RECURSIVE q AS (
               (SELECT queue FROM shiftwork.live ORDER BY queue LIMIT 1)
               UNION ALL
               SELECT (SELECT l.queue FROM shiftwork.live l WHERE l.queue > q.queue ORDER BY l.queue LIMIT 1) FROM q WHERE q.queue IS NOT NULL)
             SELECT queue FROM q WHERE queue IS NOT NULL`,
    });
    return rows.map((row) => row.queue);
  }

  /** The Redis that holds the entries, as last noted; null: none yet. */
  async notedRedis(): Promise<string | null> {
    const [row] = await this.postgres.query<{ id: string | null }>({
      text: `SELECT redis_run_id AS id FROM shiftwork.dispatch_state WHERE name = 'redis'`,
    });
    return row?.id ?? null;
  }

  /** Notes the Redis that holds the entries from now on. */
  async noteRedis(runId: string): Promise<void> {
    await this.postgres.query(
      {
        text: `INSERT INTO shiftwork.dispatch_state (name, redis_run_id) VALUES ('redis', $1)
             ON CONFLICT (name) DO UPDATE SET redis_run_id = $1, since = now()`,
      },
      [runId],
    );
  }

  /** Answers SQL expressions in one query: the value of each, in order. */
  async answers(expressions: readonly string[]): Promise<unknown[]> {
    const columns = expressions.map((expression, i) => `${expression} AS a${i}`);
    const [row] = await this.postgres.query<Record<string, unknown>>({
      text: `SELECT ${columns.join(', ')}`,
    });
    return expressions.map((_, i) => row?.[`a${i}`]);
  }
}

const WAITS = `l.status <> 'STARTED' AND l.parked IS NULL`;
const WAITING_COLUMNS = `l.id, l.job, l.queue, t.payload::text AS payload, l.priority, l.due_at AS "dueAt", t.created_at AS "createdAt", l.crashes`;

/** SQL: whether the outbox holds anything that its process should have dispatched by now. */
export const REMINDERS_DUE = `EXISTS (SELECT 1 FROM shiftwork.outbox WHERE at < now() - interval '5 seconds')`;
/** SQL: whether any task waits for a moment of the next ten minutes. */
export const WINDOW_DUE = `EXISTS (SELECT 1 FROM shiftwork.live WHERE due_at > now() AND due_at <= now() + interval '10 minutes')`;
/** SQL: whether any task has not ended. */
export const ANYTHING_LIVE = `EXISTS (SELECT 1 FROM shiftwork.live)`;
/** SQL: every queue that was ever paused, with whether it is, as JSON; null if none was. */
export const PAUSES = `(SELECT json_agg(json_build_object('queue', queue, 'paused', paused)) FROM shiftwork.queue_state)`;
