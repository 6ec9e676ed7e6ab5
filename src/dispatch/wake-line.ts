import type { Redis } from 'ioredis';
import { pause, SECOND } from '../foundation/index.js';

const BLOCK_SECONDS = 30;
/** A dead peer never answers: give the read up this long after it should have returned, and connect anew. */
const DEADLINE_MS = (BLOCK_SECONDS + 5) * SECOND;

/**
 * Why the wait ended: `token`: the wake token was taken, and whoever has it looks into the queue or passes it on;
 * `connected`: the connection is (again) there, and what was said before has been missed; `empty`: nothing came.
 */
export type WakeReason = 'token' | 'connected' | 'empty';

/** The one blocking read of a queue: waits for the wake token on a connection of its own. */
export class WakeLine {
  private isWaiting = false;
  private isClosed = false;

  constructor(
    private readonly redis: Redis,
    private readonly key: string,
    private readonly onWake: (why: WakeReason) => void,
  ) {
    redis.on('ready', () => {
      this.tell('connected');
    });
  }

  /** Begins to wait, unless it already does. Ends with one `onWake`, `token` or `empty`. */
  wait(): void {
    if (this.isWaiting || this.isClosed) return;
    this.isWaiting = true;
    void this.read();
  }

  close(): void {
    this.isClosed = true;
    this.redis.disconnect();
  }

  private async read(): Promise<void> {
    // Again and again: the client sends the read anew after each reconnection, and the next peer may be dead too.
    const deadline = setInterval(() => {
      this.redis.disconnect(true);
    }, DEADLINE_MS);
    let token: unknown = null;
    try {
      token = await this.redis.blpop(this.key, BLOCK_SECONDS);
    } catch {
      await pause(SECOND); // refused (a server that is loading, say) or closed: not in a circle at full speed
    } finally {
      clearInterval(deadline);
      this.isWaiting = false;
    }
    this.tell(token === null ? 'empty' : 'token');
  }

  private tell(why: WakeReason): void {
    if (!this.isClosed) this.onWake(why);
  }
}
