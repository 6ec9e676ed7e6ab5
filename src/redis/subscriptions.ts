import type { Redis } from 'ioredis';
import { inTime } from '../foundation/index.js';

/** Nobody waits longer for a server that keeps its connections and does not answer, ms. */
const UNSUBSCRIBE_MS = 250;

type Listener = (message: string) => void;

interface Reader {
  readonly listener: Listener;
  readonly lookAgain: (() => void) | undefined;
}

/**
 * One subscriber connection for the whole process. Pub/sub forgets whatever is said while we are away, so a message is
 * only ever a nudge: after each (re)connection every reader is told to look again at the state itself.
 */
export class Subscriptions {
  private readonly readers = new Map<string, Set<Reader>>();

  constructor(private readonly redis: Redis) {
    redis.on('message', (channel: string, message: string) => {
      for (const reader of this.readers.get(channel) ?? []) reader.listener(message);
    });
    redis.on('ready', () => {
      this.resubscribed();
    });
  }

  /**
   * Calls `listener` for each message. Resolves when the subscription stands, or at once while Redis is away (it is made
   * when the connection is back). `lookAgain` is called after every reconnection. Answers the way to unsubscribe.
   */
  async subscribe(channel: string, listener: Listener, lookAgain?: () => void): Promise<() => Promise<void>> {
    const reader: Reader = { listener, lookAgain };
    const readers = this.readers.get(channel) ?? new Set();
    readers.add(reader);
    this.readers.set(channel, readers);
    // Not ready: ioredis queues the command until it is, and re-subscribes by itself after each later break.
    const subscribed = this.redis.subscribe(channel).then(
      () => undefined,
      () => undefined,
    );
    if (this.redis.status === 'ready') await subscribed;
    return () => this.unsubscribe(channel, reader);
  }

  private async unsubscribe(channel: string, reader: Reader): Promise<void> {
    const readers = this.readers.get(channel);
    readers?.delete(reader);
    if (readers === undefined || readers.size > 0) return;
    this.readers.delete(channel);
    // Away: the server has forgotten us anyway, and ioredis must not subscribe again on its own. It keeps the command until
    // the connection is back, so nobody waits for it: a shutdown would hang as long as Redis is down, or does not answer.
    const unsubscribed = this.redis.unsubscribe(channel).catch(() => undefined);
    if (this.redis.status === 'ready') await inTime(unsubscribed, UNSUBSCRIBE_MS);
  }

  // ioredis sends its own re-subscription before ours; ours makes sure that it stands before anybody looks.
  private resubscribed(): void {
    const channels = [...this.readers.keys()];
    if (channels.length === 0) return;
    void this.redis.subscribe(...channels).then(
      () => {
        for (const readers of this.readers.values()) for (const reader of readers) reader.lookAgain?.();
      },
      () => undefined, // broken again: the next `ready` comes back here
    );
  }
}
