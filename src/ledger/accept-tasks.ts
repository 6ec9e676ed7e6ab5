import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { newId, type Backoff } from '../foundation/index.js';
import { bareArray, Postgres, isUnavailable, sqlState } from '../postgres/index.js';
import { KeyInFlightError } from './ledger-errors.js';
import { Outbox } from './outbox.js';

/** What one request to run a job says, checked and complete. */
export interface NewTask {
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  /** JSON text, ≤ 256 KiB. */
  readonly payloadText: string;
  readonly priority: number | null;
  readonly key: string | null;
  readonly idempotencyKey: string | null;
  /** Tells a repeated request from another one under the same idempotency key. */
  readonly requestHash: string | null;
  readonly attemptsMax: number;
  readonly timeoutMs: number | null;
  readonly backoff: Backoff;
  readonly onWorkerLost: 'rerun' | 'fail';
  /** Set when the task is due later; null: now. */
  readonly dueAt: Date | null;
  readonly retryOf: string | null;
}

/** What became of a `NewTask`: its own row, or the one that already had its idempotency key. */
export interface Accepted {
  readonly id: string;
  readonly isNew: boolean;
  /** When PostgreSQL wrote it. Meaningless unless `isNew`. */
  readonly createdAt: Date;
}

/** Rows of one statement; a transaction of more goes in chunks. */
const CHUNK = 1_000;

/**
 * Accepts tasks: from the commit on, they cannot be lost. Each statement writes the tasks and one outbox row that
 * reminds the relay of them, and deletes outbox rows whose tasks have reached Redis.
 *
 * Tasks with an idempotency key travel in statements of their own: a key held by somebody's open transaction makes the
 * INSERT wait for it, and nobody else must (PROTOCOL interleaving 12).
 */
@Injectable()
export class AcceptTasks {
  constructor(
    private readonly postgres: Postgres,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Many requests, one commit; an outcome for each, in order. A row that PostgreSQL refuses becomes its own `Error` and
   * leaves the others alone. Throws `LedgerUnavailableError` when the server is away: nothing is known to be accepted.
   */
  async acceptEach(tasks: readonly NewTask[]): Promise<(Accepted | Error)[]> {
    const keyed = tasks.filter((task) => task.idempotencyKey !== null);
    if (keyed.length === 0) return this.each(tasks, (some) => this.insertUnkeyed(some));
    const unkeyed = tasks.filter((task) => task.idempotencyKey === null);
    const [ofKeyed, ofUnkeyed] = await Promise.all([
      this.each(keyed, (some) => this.insertKeyed(some)),
      this.each(unkeyed, (some) => this.insertUnkeyed(some)),
    ]);
    return tasks.map(
      (task) =>
        (task.idempotencyKey === null ? ofUnkeyed.shift() : ofKeyed.shift()) ??
        new Error('unreachable: one outcome per task'),
    );
  }

  /** All or nothing, in one transaction: the caller's, or one of our own. */
  async acceptAll(tasks: readonly NewTask[], manager?: EntityManager): Promise<Accepted[]> {
    if (manager === undefined) {
      // One statement is all or nothing by itself.
      if (tasks.length <= CHUNK && tasks.every((task) => task.idempotencyKey === null))
        return this.insertUnkeyed(tasks);
      return this.postgres.transaction((own) => this.acceptAll(tasks, own));
    }
    const accepted: Accepted[] = [];
    for (let from = 0; from < tasks.length; from += CHUNK) {
      accepted.push(...(await this.insertIn(manager, tasks.slice(from, from + CHUNK))));
    }
    return accepted;
  }

  private async each(
    tasks: readonly NewTask[],
    insert: (tasks: readonly NewTask[]) => Promise<Accepted[]>,
  ): Promise<(Accepted | Error)[]> {
    if (tasks.length === 0) return [];
    try {
      return await insert(tasks);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const only = tasks[0];
      if (tasks.length === 1 && only !== undefined) return [refusal(only, error)];
      const alone = await Promise.all(tasks.map((task) => this.each([task], insert)));
      return alone.flat();
    }
  }

  private async insertUnkeyed(tasks: readonly NewTask[]): Promise<Accepted[]> {
    const box = newId();
    const [row] = await this.postgres.query<{ at: Date }>(INSERT, [
      ...columns(tasks),
      box,
      this.outbox.processId,
      this.outbox.takeEmpty(),
    ]);
    const createdAt = row?.at ?? new Date();
    this.outbox.opened(
      box,
      tasks.map((task) => task.id),
    );
    return tasks.map((task) => ({ id: task.id, isNew: true, createdAt }));
  }

  private async insertKeyed(tasks: readonly NewTask[]): Promise<Accepted[]> {
    const box = newId();
    const inserted = await this.postgres.withClient(async (client) => {
      await client.query("BEGIN; SET LOCAL lock_timeout = '2s'");
      try {
        const { rows } = await client.query<{ id: string; at: Date }>(this.postgres.sql(INSERT_KEYED), [
          ...columns(tasks),
          box,
          this.outbox.processId,
        ]);
        await client.query('COMMIT');
        return rows;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined); // the connection broke: nothing was committed
        throw error;
      }
    });
    this.outbox.opened(
      box,
      inserted.map((row) => row.id),
    );
    return this.withExisting(tasks, inserted);
  }

  private async insertIn(manager: EntityManager, tasks: readonly NewTask[]): Promise<Accepted[]> {
    const box = newId();
    const inserted = await this.postgres.queryIn<{ id: string; at: Date }>(manager, INSERT_KEYED, [
      ...columns(tasks),
      box,
      this.outbox.processId,
    ]);
    this.outbox.opened(
      box,
      inserted.map((row) => row.id),
    );
    return this.withExisting(tasks, inserted, manager);
  }

  // Read back in a new statement: the one that met the conflict cannot see the row it lost against.
  private async withExisting(
    tasks: readonly NewTask[],
    inserted: readonly { id: string; at: Date }[],
    manager?: EntityManager,
  ): Promise<Accepted[]> {
    const isNew = new Map(inserted.map((row) => [row.id, row.at]));
    const lost = tasks.filter((task) => !isNew.has(task.id));
    const existing =
      lost.length === 0
        ? []
        : await this.postgres.queryIn<{ id: string; job: string; idempotency_key: string; created_at: Date }>(
            manager,
            EXISTING,
            [lost.map((task) => task.job), lost.map((task) => task.idempotencyKey)],
          );
    const byKey = new Map(existing.map((row) => [`${row.job}\n${row.idempotency_key}`, row]));
    return tasks.map((task) => {
      const at = isNew.get(task.id);
      if (at !== undefined) return { id: task.id, isNew: true, createdAt: at };
      const row = byKey.get(`${task.job}\n${task.idempotencyKey ?? ''}`);
      if (row === undefined) throw new KeyInFlightError(task.idempotencyKey ?? ''); // deleted between the two statements
      return { id: row.id, isNew: false, createdAt: row.created_at };
    });
  }
}

const LOCK_NOT_AVAILABLE = '55P03';

function refusal(task: NewTask, error: unknown): Error {
  if (task.idempotencyKey !== null && causes(error).some((each) => sqlState(each) === LOCK_NOT_AVAILABLE))
    return new KeyInFlightError(task.idempotencyKey);
  return error instanceof Error ? error : new Error(String(error));
}

function causes(error: unknown): unknown[] {
  return error instanceof Error && error.cause !== undefined ? [error, ...causes(error.cause)] : [error];
}

// What many tasks of a batch share (job, queue, limits) is sent once and joined by its number: most batches have one. The
// payloads go as one JSON array: nothing in them has to be escaped. What no task of the batch has is not sent at all.
function columns(tasks: readonly NewTask[]): unknown[] {
  const { profiles, numbers } = profilesOf(tasks);
  return [
    bareArray(tasks.map((task) => task.id)),
    bareArray(numbers),
    `[${tasks.map((task) => task.payloadText).join(',')}]`,
    anyOf(tasks.map((task) => task.priority)),
    anyOf(tasks.map((task) => task.key)),
    anyOf(tasks.map((task) => task.idempotencyKey)),
    anyOf(tasks.map((task) => task.requestHash)),
    anyOf(tasks.map((task) => task.dueAt?.toISOString() ?? null)),
    anyOf(tasks.map((task) => task.retryOf)),
    profiles.map((task) => task.job),
    profiles.map((task) => task.queue),
    profiles.map((task) => task.attemptsMax),
    profiles.map((task) => task.timeoutMs),
    profiles.map((task) => JSON.stringify(task.backoff)),
    profiles.map((task) => task.onWorkerLost),
  ];
}

// An array that is missing is filled up with NULLs.
function anyOf<V>(values: readonly (V | null)[]): readonly (V | null)[] | null {
  return values.some((value) => value !== null) ? values : null;
}

function profilesOf(tasks: readonly NewTask[]): { profiles: NewTask[]; numbers: number[] } {
  const profiles: NewTask[] = [];
  const numbers = tasks.map((task) => {
    const known = profiles.findIndex((other) => hasSameProfile(other, task));
    return known < 0 ? profiles.push(task) : known + 1;
  });
  return { profiles, numbers };
}

function hasSameProfile(a: NewTask, b: NewTask): boolean {
  return (
    a.job === b.job &&
    a.queue === b.queue &&
    a.attemptsMax === b.attemptsMax &&
    a.timeoutMs === b.timeoutMs &&
    a.onWorkerLost === b.onWorkerLost &&
    a.backoff.type === b.backoff.type &&
    a.backoff.delay === b.backoff.delay
  );
}

const INPUT = `
  input AS MATERIALIZED (
    SELECT i.id, p.job, p.queue, i.payload, i.priority, i.key, i.idempotency_key, i.request_hash,
           p.attempts_max, p.timeout_ms, p.backoff::jsonb AS backoff, p.on_worker_lost, i.due_at, i.retry_of
      FROM ROWS FROM (unnest($1::uuid[]), unnest($2::int[]), json_array_elements($3::json), unnest($4::smallint[]), unnest($5::text[]),
                      unnest($6::text[]), unnest($7::text[]), unnest($8::timestamptz[]), unnest($9::uuid[]))
             AS i(id, profile, payload, priority, key, idempotency_key, request_hash, due_at, retry_of)
      JOIN unnest($10::text[], $11::text[], $12::int[], $13::int[], $14::text[], $15::text[])
             WITH ORDINALITY AS p(job, queue, attempts_max, timeout_ms, backoff, on_worker_lost, number) ON p.number = i.profile
  )`;
const TASK_COLUMNS =
  'id, job, queue, payload, priority, key, idempotency_key, request_hash, attempts_max, timeout_ms, backoff, on_worker_lost, run_at, retry_of';
const TASK_VALUES =
  'id, job, queue, payload, priority, key, idempotency_key, request_hash, attempts_max, timeout_ms, backoff, on_worker_lost, coalesce(due_at, now()), retry_of';
const LIVE_INSERT = `INSERT INTO shiftwork.live (id, queue, job, status, due_at, ready_at, priority, attempts_max, timeout_ms)
    SELECT id, queue, job, CASE WHEN due_at IS NULL THEN 'QUEUED' ELSE 'SCHEDULED' END, due_at, coalesce(due_at, now()), priority, attempts_max, timeout_ms`;

const INSERT = {
  name: 'accept',
  text: `WITH ${INPUT},
  accepted AS (INSERT INTO shiftwork.task (${TASK_COLUMNS}) SELECT ${TASK_VALUES} FROM input),
  live AS (${LIVE_INSERT} FROM input),
  boxed AS (INSERT INTO shiftwork.outbox (id, process, task_ids) VALUES ($16, $17, $1)),
  unboxed AS (DELETE FROM shiftwork.outbox WHERE id = ANY($18::uuid[]))
  SELECT now() AS at`,
};

const INSERT_KEYED = `WITH ${INPUT},
  accepted AS (INSERT INTO shiftwork.task (${TASK_COLUMNS}) SELECT ${TASK_VALUES} FROM input
               ON CONFLICT (job, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING id),
  live AS (${LIVE_INSERT} FROM input WHERE id IN (SELECT id FROM accepted)),
  boxed AS (INSERT INTO shiftwork.outbox (id, process, task_ids) SELECT $16::uuid, $17::uuid, array_agg(id) FROM accepted HAVING count(*) > 0)
  SELECT id, now() AS at FROM accepted`;

const EXISTING = `SELECT t.id, t.job, t.idempotency_key, t.created_at
  FROM shiftwork.task t JOIN unnest($1::text[], $2::text[]) AS k(job, key) ON t.job = k.job AND t.idempotency_key = k.key`;
