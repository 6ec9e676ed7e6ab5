import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { newId, type Backoff } from '../foundation/index.js';
import { Postgres, isUnavailable, sqlState } from '../postgres/index.js';
import { ACCEPT, ACCEPT_KEYED, ACCEPT_PLAIN, arePlain, EXISTING, plainValues, values } from './accept-sql.js';
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
    const [statement, asked] = arePlain(tasks) ? [ACCEPT_PLAIN, plainValues(tasks)] : [ACCEPT, values(tasks)];
    const [row] = await this.postgres.query<{ at: Date }>(statement, [
      ...asked,
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
        const { rows } = await client.query<{ id: string; at: Date }>(this.postgres.sql(ACCEPT_KEYED), [
          ...values(tasks),
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
    const inserted = await this.postgres.queryIn<{ id: string; at: Date }>(manager, ACCEPT_KEYED, [
      ...values(tasks),
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
