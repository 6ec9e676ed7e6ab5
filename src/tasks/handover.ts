import { Injectable } from '@nestjs/common';
import { Dispatcher, entryOf } from '../dispatch/index.js';
import { HandOver, type DeadProcess, type HandOverResult } from '../ledger/index.js';
import { TaskFeed } from './task-feed.js';

/** Hands over tasks whose run will not answer any more: the ledger first, then the head of their queues. */
@Injectable()
export class Handover {
  constructor(
    private readonly ledger: HandOver,
    private readonly dispatcher: Dispatcher,
    private readonly feed: TaskFeed,
  ) {}

  /**
   * Everything that a dead process had started. When it resolves the ledger has been written, and Redis has the entries or
   * is away: then the sweep of `active` finds them. Throws `LedgerUnavailableError`.
   */
  async ofProcess(dead: DeadProcess): Promise<HandOverResult> {
    const result = await this.ledger.ofProcess(dead);
    for (const task of result.moved) this.feed.tellChanged(task.id);
    const waiting = result.moved.filter((task) => task.status === 'QUEUED');
    const entries = waiting.map((task) => entryOf({ ...task, dueAt: null }, dead.crashLimit, 'head'));
    // Redis away: the rows are the truth, and their entries still stand in `active` for the relay's sweep to find.
    await this.dispatcher.put(entries).catch(() => undefined);
    return result;
  }
}
