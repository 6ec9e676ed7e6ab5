import { Injectable } from '@nestjs/common';
import { Dispatcher } from '../dispatch/index.js';
import {
  AlreadyFinalError,
  CancelTasks,
  ReadTasks,
  TaskNotFoundError,
  type CancelOutcome,
  type TaskFilter,
} from '../ledger/index.js';
import { RedisClients } from '../redis/index.js';
import { TaskFeed } from './task-feed.js';
import { TaskViews, type TaskView } from './task-view.js';

export interface Cancelled {
  readonly task: TaskView;
  /** It was CANCELLED before; nothing was done. */
  readonly alreadyCancelled: boolean;
}

/** Tasks of one statement when many are cancelled. */
const CANCEL_BATCH = 500;

/**
 * Cancels: a waiting task ends at once; a running one is asked. The request stands in its row, so that every later write
 * of its execution is told; the message only makes it faster.
 */
@Injectable()
export class Cancel {
  constructor(
    private readonly ledger: CancelTasks,
    private readonly reads: ReadTasks,
    private readonly views: TaskViews,
    private readonly dispatcher: Dispatcher,
    private readonly redis: RedisClients,
    private readonly feed: TaskFeed,
  ) {}

  /**
   * Throws `TaskNotFoundError`, `AlreadyFinalError` for a task that is FINISHED or FAILED, or `TasksHeldError` for one whose job
   * does not end its transaction within 5 s of its signal.
   */
  async one(id: string): Promise<Cancelled> {
    const outcomes: CancelOutcome[] = [];
    for await (const some of this.ledger.byIds([id], this.tellHeld)) outcomes.push(...some);
    // Read before anybody is told: a running job may end within a millisecond of its signal, and the answer says what was asked.
    const row = await this.reads.byId(id);
    await this.followUp(outcomes);
    if (row === null) throw new TaskNotFoundError(id);
    if (outcomes.length === 0 && row.status !== 'CANCELLED')
      throw new AlreadyFinalError(id, row.status, 'cancelled');
    return { task: await this.views.one(row), alreadyCancelled: outcomes.length === 0 };
  }

  /** Everything that matches, was accepted before and has not ended. Answers how many were cancelled or asked to stop. */
  async many(filter: TaskFilter): Promise<number> {
    let matched = 0;
    for await (const outcomes of this.ledger.matching(filter, CANCEL_BATCH, this.tellHeld)) {
      await this.followUp(outcomes);
      matched += outcomes.length;
    }
    return matched;
  }

  // A job that keeps its row locked cannot be asked there; its signal ends the transaction, mostly.
  private readonly tellHeld = (ids: readonly string[]): void => void this.tellRunning(ids);

  private async tellRunning(ids: readonly string[]): Promise<void> {
    await this.redis.command.publish(this.redis.keys.channel('cancel'), ids.join(',')).catch(() => undefined);
  }

  // A ghost entry that stays in Redis costs one refused start, so nothing here may fail the request.
  private async followUp(outcomes: readonly CancelOutcome[]): Promise<void> {
    for (const outcome of outcomes) this.feed.tellChanged(outcome.id);
    const running = outcomes.filter((outcome) => outcome.status === 'STARTED').map((outcome) => outcome.id);
    if (running.length > 0) await this.tellRunning(running);
    for (const queue of new Set(outcomes.map((outcome) => outcome.queue))) {
      const ids = outcomes
        .filter((outcome) => outcome.queue === queue && outcome.status === 'CANCELLED')
        .map((outcome) => outcome.id);
      await this.dispatcher.remove(queue, ids).catch(() => undefined);
    }
  }
}
