import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asError, newId } from '../foundation/index.js';
import { Postgres, isUnavailable } from '../postgres/index.js';
import { withExisting } from './accept-keyed.js';
import { ACCEPT_KEYED, acceptance, values } from './accept-sql.js';
import type { Accepted, NewTask } from './new-task.js';
import { Outbox } from './outbox.js';

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
  async acceptEach(tasks: readonly NewTask[]): Promise<(Accepted | Error)[]> {
    if (tasks.length === 0) return [];
    try {
      return await this.insert(tasks);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      if (tasks.length === 1) return [asError(error)];
      const alone = await Promise.all(tasks.map((task) => this.acceptEach([task])));
      return alone.flat();
    }
  }

  /** All or nothing, in one transaction: the caller's, or one of our own. */
  async acceptAll(tasks: readonly NewTask[], manager?: EntityManager): Promise<Accepted[]> {
    if (manager === undefined) {
      // One statement is all or nothing by itself.
      if (tasks.length <= CHUNK && tasks.every((task) => task.idempotencyKey === null))
        return this.insert(tasks);
      return this.postgres.transaction((own) => this.acceptAll(tasks, own));
    }
    const accepted: Accepted[] = [];
    for (let from = 0; from < tasks.length; from += CHUNK) {
      accepted.push(...(await this.insertIn(manager, tasks.slice(from, from + CHUNK))));
    }
    return accepted;
  }

  private async insert(tasks: readonly NewTask[]): Promise<Accepted[]> {
    const box = newId();
    const { processId: process } = this.outbox;
    const [row] = await this.postgres.query<{ at: Date }>(
      ...acceptance(tasks, { box, process, emptied: this.outbox.takeEmpty() }),
    );
    const createdAt = row?.at ?? new Date();
    this.outbox.opened(
      box,
      tasks.map((task) => task.id),
    );
    return tasks.map((task) => ({ id: task.id, isNew: true, createdAt }));
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
