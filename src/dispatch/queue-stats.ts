import { Injectable } from '@nestjs/common';
import { DispatchUnavailableError, RedisClients } from '../redis/index.js';

/** What Redis holds of a queue. Near the ledger's counts, never the truth: ghosts count, far-future tasks do not. */
export interface EntryCounts {
  readonly waiting: number;
  /** Running, fetched ahead, or ended and not acknowledged. */
  readonly active: number;
  readonly delayed: number;
  readonly paused: boolean;
}

/** Counts entries, in one round trip. */
@Injectable()
export class QueueStats {
  constructor(private readonly redis: RedisClients) {}

  /** Throws `DispatchUnavailableError`. */
  async counts(queue: string): Promise<EntryCounts> {
    const key = (type: string): string => this.redis.keys.queueKey(queue, type);
    try {
      const replies = await this.redis.command
        .pipeline()
        .llen(key('wait'))
        .llen(key('paused'))
        .zcard(key('shiftwork-priority'))
        .llen(key('active'))
        .zcard(key('delayed'))
        .exists(key('meta-paused'))
        .exec();
      const [wait = 0, paused = 0, byPriority = 0, active = 0, delayed = 0, isPaused = 0] = (
        replies ?? []
      ).map(([error, reply]) => {
        if (error !== null) throw error;
        return Number(reply);
      });
      return { waiting: wait + paused + byPriority, active, delayed, paused: isPaused === 1 };
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }
}
