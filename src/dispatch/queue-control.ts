import { Injectable } from '@nestjs/common';
import { DispatchUnavailableError, RedisClients } from '../redis/index.js';
import { BullQueues } from './bull-queues.js';
import { Entries } from './entries.js';

/**
 * Pauses and resumes queues in Redis, for the whole fleet and for Bull's tools. The truth about pauses is the ledger: write
 * it there first; what does not get through to Redis is made good from there. All throw `DispatchUnavailableError`.
 */
@Injectable()
export class QueueControl {
  constructor(
    private readonly queues: BullQueues,
    private readonly redis: RedisClients,
    private readonly entries: Entries,
  ) {}

  /** Nothing of the queue is fetched any more. Twice is the same as once. */
  async pause(queue: string): Promise<void> {
    // Bull's script renames `wait` to `paused`: a second run of it would lose what waits there, were there both.
    if (await this.isPaused(queue)) return;
    await this.ask(async () => (await this.queues.of(queue)).pause());
  }

  /** It is fetched from again, at once. */
  async resume(queue: string): Promise<void> {
    if (await this.isPaused(queue)) await this.ask(async () => (await this.queues.of(queue)).resume());
    await this.entries.wake(queue);
  }

  /** Makes Redis agree with what the ledger says of these queues. */
  async restore(states: readonly { readonly queue: string; readonly paused: boolean }[]): Promise<void> {
    for (const { queue, paused } of states) {
      const isPaused = await this.isPaused(queue);
      if (isPaused !== paused) await (paused ? this.pause(queue) : this.resume(queue));
    }
  }

  private async isPaused(queue: string): Promise<boolean> {
    const { command, keys } = this.redis;
    return this.ask(async () => (await command.exists(keys.queueKey(queue, 'meta-paused'))) === 1);
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }
}
