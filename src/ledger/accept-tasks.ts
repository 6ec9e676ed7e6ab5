import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asError, newId } from '../foundation/index.js';
import { Postgres, isUnavailable } from '../postgres/index.js';
import { withExisting } from './accept-keyed.js';
import { ACCEPT_KEYED, ACCEPT_ONE, acceptance, KEEP_ACCEPTED, values } from './accept-sql.js';
import type { Accepted, NewTask } from './new-task.js';
import { Outbox } from './outbox.js';

/** What became of requests. The rows are committed: everybody sees them, and they may be dispatched. */
export interface AcceptedEarly<Outcome> {
  readonly outcomes: readonly Outcome[];
  /**
   * Resolves when no crash of PostgreSQL can forget them: not before may anybody be told. Rejects with `LedgerUnavailableError`: then
   * nobody knows.
   */
  readonly onDisk: Promise<void>;
}

/** Rows of one statement; a transaction of more goes in chunks. */
const CHUNK = 1_000;

/**
 * Accepts tasks: from the commit on, they cannot be lost. Each statement writes the tasks and one outbox row that
 * reminds the relay of them, and deletes outbox rows whose tasks have reached Redis.
 *
 * Requests with an idempotency key go to `AcceptKeyed`, unless they belong to a transaction.
 */
@Injectable()
export class AcceptTasks {
  constructor(
    private readonly postgres: Postgres,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Many requests without idempotency keys, one commit; an outcome for each, in order. A row that PostgreSQL refuses becomes
   * its own `Error` and leaves the others alone. Throws `LedgerUnavailableError` when the server is away: nothing is known to
   * be accepted.
   */
  async acceptEach(tasks: readonly NewTask[]): Promise<AcceptedEarly<Accepted | Error>> {
    if (tasks.length === 0) return { outcomes: [], onDisk: Promise.resolve() };
    try {
      return await this.insert(tasks);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      if (tasks.length === 1) return { outcomes: [asError(error)], onDisk: Promise.resolve() };
      const alone = await Promise.all(tasks.map((task) => this.acceptEach([task])));
      const onDisk = Promise.all(alone.map((each) => each.onDisk)).then(() => undefined);
      return { outcomes: alone.flatMap((each) => each.outcomes), onDisk: heardOf(onDisk) };
    }
  }

  /** All or nothing, in a transaction of our own. */
  async acceptAll(tasks: readonly NewTask[]): Promise<AcceptedEarly<Accepted>> {
    // One statement is all or nothing by itself.
    if (tasks.length <= CHUNK && tasks.every((task) => task.idempotencyKey === null))
      return this.insert(tasks);
    const outcomes = await this.postgres.transaction((own) => this.acceptIn(own, tasks));
    return { outcomes, onDisk: Promise.resolve() };
  }

  /** In the caller's transaction: they are accepted when that is committed. */
  async acceptIn(manager: EntityManager, tasks: readonly NewTask[]): Promise<Accepted[]> {
    const accepted: Accepted[] = [];
    for (let from = 0; from < tasks.length; from += CHUNK) {
      accepted.push(...(await this.insertIn(manager, tasks.slice(from, from + CHUNK))));
    }
    return accepted;
  }

  private async insert(tasks: readonly NewTask[]): Promise<AcceptedEarly<Accepted>> {
    const box = newId();
    const { processId: process } = this.outbox;
    // A lone one waits for no deletes: they go along with the next wait for the disk.
    const emptied = tasks.length === 1 ? [] : this.outbox.takeEmpty();
    const [statement, parameters] = acceptance(tasks, { box, process, emptied });
    const [row] = await this.postgres.query<{ at: Date }>(statement, parameters);
    const onDisk = statement === ACCEPT_ONE ? this.reachDisk() : Promise.resolve();
    const createdAt = row?.at ?? new Date();
    this.outbox.opened(
      box,
      tasks.map((task) => task.id),
    );
    const outcomes = tasks.map((task) => ({ id: task.id, isNew: true, createdAt }));
    return { outcomes, onDisk };
  }

  private reachDisk(): Promise<void> {
    return heardOf(this.postgres.query(KEEP_ACCEPTED, [this.outbox.takeEmpty()]).then(() => undefined));
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
    return withExisting(this.postgres, tasks, inserted, manager);
  }
}

// It may be refused before anybody waits for it.
function heardOf(onDisk: Promise<void>): Promise<void> {
  onDisk.catch(() => undefined);
  return onDisk;
}
