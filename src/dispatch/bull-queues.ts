import { Injectable } from '@nestjs/common';
import type Bull from 'bull';
import { RedisClients } from '../redis/index.js';

/**
 * Plain Bull `Queue` objects for our queues, as Bull's own tools open them; we use them where Bull's scripts do just what we
 * want (pause, resume). They share the command connection: nothing is connected or closed by them, and no job is
 * ever processed through them.
 */
@Injectable()
export class BullQueues {
  private readonly opened = new Map<string, Bull.Queue>();

  constructor(private readonly redis: RedisClients) {}

  /** The same object for a queue each time. Bull is loaded with the first one: most processes never pause anything. */
  async of(queue: string): Promise<Bull.Queue> {
    const { default: BullQueue } = await import('bull');
    const known = this.opened.get(queue);
    if (known !== undefined) return known;
    const options = {
      prefix: this.redis.keys.queuePrefix(queue),
      createClient: (type: 'client' | 'subscriber' | 'bclient') => {
        if (type === 'bclient')
          throw new Error(`The queue "${queue}" of Shiftwork is worked by Shiftwork only`);
        return type === 'client' ? this.redis.command : this.redis.subscriberConnection;
      },
      skipVersionCheck: true, // Bull's typings do not know it; without it each queue asks for INFO
    };
    const opened = new BullQueue(queue, options as Bull.QueueOptions);
    this.opened.set(queue, opened);
    return opened;
  }
}
