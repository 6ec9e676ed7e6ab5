import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asError, Deadline, newId } from '../foundation/index.js';
import { isUnavailable, Postgres, sqlState } from '../postgres/index.js';
import { ACCEPT_KEYED, EXISTING, values } from './accept-sql.js';
import { KeyInFlightError } from './ledger-errors.js';
import type { Accepted, NewTask } from './new-task.js';
import { Outbox } from './outbox.js';

/** How long a batch waits for a key that somebody's open transaction holds, ms; after that each key is tried alone. */
const BATCH_WAITS_MS = 100;
/** How long each key of such a batch is tried alone, ms. */
const GLANCE_MS = 10;
/** How long a request waits for its own key before it is told to come back (PROTOCOL interleaving 12), ms. */
const PATIENCE_MS = 2_000;

interface Inserted {
  readonly id: string;
  readonly at: Date;
}

/**
 * Accepts tasks that have an idempotency key. They travel in statements of their own, because a key held by an open transaction
 * makes the INSERT wait for it. The others of the batch are held up for a tenth of a second; then whoever wants a held key
 * waits in a line of its own, on one connection, so that neither they nor anybody else's statements run out of connections.
 */
@Injectable()
export class AcceptKeyed {
  private line: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly postgres: Postgres,
    private readonly outbox: Outbox,
  ) {}

  /**
   * An outcome for each request, in order: its own new row, the one that had its key before, or an `Error`; for those
   * whose key is held, a promise, which rejects with `KeyInFlightError` after two seconds. Throws
   * `LedgerUnavailableError` when the server is away: nothing is known to be accepted.
   */
  async acceptEach(tasks: readonly NewTask[]): Promise<(Accepted | Error | Promise<Accepted>)[]> {
    try {
      return await this.insert(tasks, BATCH_WAITS_MS);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const groups = byKey(tasks);
      if (groups.length > 1) return this.apart(tasks, groups);
      if (isHeld(error)) return this.patiently(tasks);
      return tasks.length === 1
        ? [asError(error)]
        : this.apart(
            tasks,
            tasks.map((task) => [task]),
          );
    }
  }

  private async apart(
    tasks: readonly NewTask[],
    groups: readonly (readonly NewTask[])[],
  ): Promise<(Accepted | Error | Promise<Accepted>)[]> {
    const outcomes = new Map<NewTask, Accepted | Error | Promise<Accepted>>();
    for (const group of groups) {
      const ofGroup = await this.insert(group, GLANCE_MS).catch((error: unknown) => {
        if (isUnavailable(error)) throw error;
        return isHeld(error) ? this.patiently(group) : group.map(() => asError(error));
      });
      group.forEach((task, i) =>
        outcomes.set(task, ofGroup[i] ?? new Error('unreachable: one outcome per task')),
      );
    }
    return tasks.map((task) => outcomes.get(task) ?? new Error('unreachable: every task is in a group'));
  }

  // One after the other: those at the end of the line have less time left, but at least a glance.
  private patiently(group: readonly NewTask[]): Promise<Accepted>[] {
    const deadline = Deadline.after(PATIENCE_MS);
    const turn = this.line.then(() => this.insert(group, Math.max(GLANCE_MS, deadline.remainingMs)));
    this.line = turn.catch(() => undefined); // each caller hears of it below
    return group.map((task, i) => {
      const outcome = turn.then(
        (accepted) => accepted[i] ?? Promise.reject(new Error('unreachable: one outcome per task')),
        (error: unknown) =>
          Promise.reject(isHeld(error) ? new KeyInFlightError(task.idempotencyKey ?? '') : asError(error)),
      );
      outcome.catch(() => undefined); // the caller may look at it only when it has the rest of the batch
      return outcome;
    });
  }

  private async insert(tasks: readonly NewTask[], lockTimeoutMs: number): Promise<Accepted[]> {
    const box = newId();
    const inserted = await this.postgres.withClient(async (client) => {
      await client.query(`BEGIN; SET LOCAL lock_timeout = ${String(Math.ceil(lockTimeoutMs))}`);
      try {
        const asked = [...values(tasks), box, this.outbox.processId];
        const { rows } = await client.query<Inserted>(this.postgres.sql(ACCEPT_KEYED), asked);
        await client.query('COMMIT');
        return rows;
      } catch (error) {
        await client.query('ROLLBACK');
        return asError(error); // a value, so that the connection is kept
      }
    });
    if (inserted instanceof Error) throw inserted;
    this.outbox.opened(
      box,
      inserted.map((row) => row.id),
    );
    return withExisting(this.postgres, tasks, inserted);
  }
}

interface Existing {
  readonly id: string;
  readonly job: string;
  readonly idempotency_key: string;
  readonly created_at: Date;
}

/**
 * What became of tasks of which `inserted` are new: the rest have a row of their key already. It is read in a new statement: the
 * one that met the conflict cannot see the row it lost against. Throws `KeyInFlightError` if it was deleted between the two.
 */
export async function withExisting(
  postgres: Postgres,
  tasks: readonly NewTask[],
  inserted: readonly Inserted[],
  manager?: EntityManager,
): Promise<Accepted[]> {
  const isNew = new Map(inserted.map((row) => [row.id, row.at]));
  const lost = tasks.filter((task) => !isNew.has(task.id));
  const existing =
    lost.length === 0
      ? []
      : await postgres.queryIn<Existing>(manager, EXISTING, [
          lost.map((task) => task.job),
          lost.map((task) => task.idempotencyKey),
        ]);
  const byKey = new Map(existing.map((row) => [`${row.job}\n${row.idempotency_key}`, row]));
  return tasks.map((task) => {
    const at = isNew.get(task.id);
    if (at !== undefined) return { id: task.id, isNew: true, createdAt: at };
    const row = byKey.get(keyOf(task));
    if (row === undefined) throw new KeyInFlightError(task.idempotencyKey ?? '');
    return { id: row.id, isNew: false, createdAt: row.created_at };
  });
}

function byKey(tasks: readonly NewTask[]): NewTask[][] {
  const groups = new Map<string, NewTask[]>();
  for (const task of tasks) {
    const key = keyOf(task);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [task]);
    else group.push(task);
  }
  return [...groups.values()];
}

function keyOf(task: NewTask): string {
  return `${task.job}\n${task.idempotencyKey ?? ''}`;
}

const LOCK_NOT_AVAILABLE = '55P03';

/** An open transaction has the key. */
function isHeld(error: unknown): boolean {
  return sqlState(error) === LOCK_NOT_AVAILABLE;
}
