import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres, asLedgerError } from '../postgres/index.js';
import { conditions, type TaskFilter } from './task-conditions.js';
import { TaskNow } from './task-now.entity.js';
import type { ExecutionRow, LogRow, TaskRow } from './task-row.js';
import type { TaskStatus } from './task-status.js';

/** How many tasks of a queue stand where. `backlog`: due and waiting. `oldestReadyAt`: of those, the one waiting longest. */
export interface QueueCounts {
  readonly queue: string;
  readonly backlog: number;
  readonly oldestReadyAt: Date | null;
  readonly running: number;
  readonly scheduled: number;
  readonly retrying: number;
}

/** Reads of tasks for people. None of them is on the hot path. */
@Injectable()
export class ReadTasks {
  constructor(private readonly postgres: Postgres) {}

  /**
   * The task, or null when there is none. With a manager it is read on that one's connection: it sees what its transaction has
   * written, and whoever holds a connection does not wait for another.
   */
  async byId(id: string, manager?: EntityManager): Promise<TaskRow | null> {
    try {
      return await this.postgres.dataSource
        .getRepository(TaskNow)
        .createQueryBuilder('t', manager?.queryRunner)
        .where('t.id = :id', { id })
        .getOne();
    } catch (error) {
      throw asLedgerError(error);
    }
  }

  /** The id of the task that was accepted with this idempotency key, or null. */
  async idByKey(job: string, idempotencyKey: string): Promise<string | null> {
    const [row] = await this.postgres.query<{ id: string }>(
      { text: 'SELECT id FROM shiftwork.task WHERE job = $1 AND idempotency_key = $2' },
      [job, idempotencyKey],
    );
    return row?.id ?? null;
  }

  /** Newest first, at most `limit`, those before the id `before`. */
  async page(filter: TaskFilter, limit: number, before: string | null): Promise<TaskRow[]> {
    const { status, ...others } = filter;
    const { from, id, has } = leadOf(status);
    const { where, values } = conditions(others, 3);
    const text = `SELECT ${id} FROM ${from} WHERE ${has} AND ($1::uuid IS NULL OR ${id} < $1) AND ${where} ORDER BY ${id} DESC LIMIT $2`;
    return this.hydrate(await this.postgres.readForPeople<{ id: string }>(text, [before, limit, ...values]));
  }

  /** Every execution that ended otherwise than in success, oldest first. A final success is read off the task itself. */
  async executions(id: string): Promise<ExecutionRow[]> {
    return this.postgres.query<ExecutionRow & object>(
      {
        text: `SELECT number, outcome, worker, release, started_at AS "startedAt", ended_at AS "endedAt", error
               FROM shiftwork.execution WHERE task_id = $1
             UNION ALL
             SELECT e.execution, 'finished', e.worker, p.release, e.started_at, e.finished_at, NULL
               FROM shiftwork.ended e LEFT JOIN shiftwork.process p ON p.id = e.worker WHERE e.id = $1 AND e.status = 'FINISHED'
             ORDER BY number`,
      },
      [id],
    );
  }

  /** Lines of a task, oldest first, those after `afterSeq`. */
  async logs(id: string, limit: number, afterSeq: string | null): Promise<LogRow[]> {
    return this.postgres.query<LogRow & object>(
      {
        text: `SELECT seq::text, at, level, message, execution FROM shiftwork.task_log AS task_log
              WHERE task_id = $1 AND ($2::bigint IS NULL OR seq > $2) ORDER BY task_log.seq LIMIT $3`,
      },
      [id, afterSeq, limit],
    );
  }

  /** Counts of every queue that has tasks which have not ended. */
  async queueCounts(): Promise<QueueCounts[]> {
    return this.postgres.readForPeople<QueueCounts & object>(
      `SELECT queue,
          count(*) FILTER (WHERE status = 'QUEUED' OR (status <> 'STARTED' AND due_at <= now()))::int AS backlog,
          min(ready_at) FILTER (WHERE status = 'QUEUED' OR (status <> 'STARTED' AND due_at <= now())) AS "oldestReadyAt",
          count(*) FILTER (WHERE status = 'STARTED')::int AS running,
          count(*) FILTER (WHERE status = 'SCHEDULED' AND due_at > now())::int AS scheduled,
          count(*) FILTER (WHERE status = 'RETRYING' AND due_at > now())::int AS retrying
        FROM shiftwork.live GROUP BY queue ORDER BY queue`,
    );
  }

  /** Whether the queue has a task that has not ended. */
  async isLiveQueue(queue: string): Promise<boolean> {
    const [row] = await this.postgres.query<{ found: boolean }>(
      { text: 'SELECT EXISTS (SELECT 1 FROM shiftwork.live WHERE queue = $1) AS found' },
      [queue],
    );
    return row?.found === true;
  }

  /** Tasks of a queue that are due and wait, counted no further than `atMost`. */
  async waitingCount(queue: string, atMost: number): Promise<number> {
    const [row] = await this.postgres.query<{ count: number }>(
      {
        name: 'waiting-count',
        text: `SELECT count(*)::int AS count FROM (
        SELECT 1 FROM shiftwork.live WHERE queue = $1 AND (status = 'QUEUED' OR (status <> 'STARTED' AND due_at <= now())) LIMIT $2) AS counted`,
      },
      [queue, atMost],
    );
    return row?.count ?? 0;
  }

  /** Place of a waiting task in its queue, 1 to 1000; null when it does not wait or stands farther back. */
  async position(id: string): Promise<number | null> {
    const [row] = await this.postgres.readForPeople<{ ahead: number | null }>(
      `SELECT CASE WHEN me.status = 'QUEUED' OR (me.status <> 'STARTED' AND me.due_at <= now()) THEN (
          SELECT count(*)::int FROM (
            SELECT 1 FROM shiftwork.live l
             WHERE l.queue = me.queue AND (l.status = 'QUEUED' OR (l.status <> 'STARTED' AND l.due_at <= now()))
               AND (coalesce(l.priority, 1001), l.ready_at, l.id) < (coalesce(me.priority, 1001), me.ready_at, me.id)
             LIMIT 1000) AS before_me) END AS ahead
        FROM shiftwork.live me WHERE me.id = $1`,
      [id],
    );
    if (row === undefined || row.ahead === null || row.ahead >= 1_000) return null;
    return row.ahead + 1;
  }

  // The page found the ids by its index; the entity reads the rows.
  private async hydrate(found: readonly { id: string }[]): Promise<TaskRow[]> {
    if (found.length === 0) return [];
    try {
      const rows = await this.postgres.dataSource
        .getRepository(TaskNow)
        .createQueryBuilder('t')
        .where('t.id IN (:...ids)', { ids: found.map((row) => row.id) })
        .getMany();
      const byId = new Map(rows.map((row) => [row.id, row]));
      return found.flatMap((row) => byId.get(row.id) ?? []);
    } catch (error) {
      throw asLedgerError(error);
    }
  }
}

interface Lead {
  readonly from: string;
  /** The id in whose order the rows are read. */
  readonly id: string;
  /** What makes a row one of this status, as task_now derives it. */
  readonly has: string;
}

const LIVE = { from: 'shiftwork.live v JOIN shiftwork.task n ON n.id = v.id', id: 'v.id' };
const BADLY = { from: 'shiftwork.ended e JOIN shiftwork.task n ON n.id = e.id', id: 'e.id' };

// The view derives the status of each of millions of rows. A page asks the table that has it: the small one, or the partial
// index that holds just such rows.
function leadOf(status: TaskStatus | undefined): Lead {
  switch (status) {
    case undefined:
      return { from: 'shiftwork.task n', id: 'n.id', has: 'true' };
    case 'FINISHED':
      return {
        from: 'shiftwork.task n JOIN shiftwork.ended e ON e.id = n.id',
        id: 'n.id',
        has: `e.status = 'FINISHED'`,
      };
    case 'FAILED':
    case 'CANCELLED':
      return { ...BADLY, has: `e.status = '${status}'` };
    case 'QUEUED':
      return {
        ...LIVE,
        has: `(v.status = 'QUEUED' OR (v.status IN ('SCHEDULED', 'RETRYING') AND v.due_at <= now()))`,
      };
    case 'STARTED':
      return { ...LIVE, has: `v.status = 'STARTED'` };
    case 'SCHEDULED':
    case 'RETRYING':
      return { ...LIVE, has: `v.status = '${status}' AND v.due_at > now()` };
  }
}
