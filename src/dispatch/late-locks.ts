import type { InHand } from '../foundation/index.js';
import { type Entries, MOST_PER_CALL } from './entries.js';
import type { Item } from './item.js';

/** Entries of a batch that are held for longer than this are locked. A plain Bull worker takes what it sees unlocked twice, 30 s apart. */
const LOCK_AFTER_MS = 100;

/** Locks what came in a batch, without locks, and has not ended after a moment. */
export class LateLocks {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly held: InHand<Item>,
    private readonly entries: Entries,
  ) {}

  /** Entries without locks have come into hand: looks at them in a moment, and again as long as there are any. */
  watch(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.look();
    }, LOCK_AFTER_MS).unref();
  }

  private look(): void {
    const unlocked = this.held.values().filter((item) => !item.isLocked);
    if (unlocked.length === 0) return;
    this.watch();
    const before = Date.now() - LOCK_AFTER_MS;
    const late = unlocked.filter((item) => item.deliveredAt <= before);
    for (const queue of new Set(late.map((item) => item.queue))) {
      const items = late.filter((item) => item.queue === queue);
      for (let i = 0; i < items.length; i += MOST_PER_CALL)
        void this.lock(queue, items.slice(i, i + MOST_PER_CALL));
    }
  }

  private async lock(queue: string, items: readonly Item[]): Promise<void> {
    for (const item of items) item.isLocked = true; // whoever acknowledges it meanwhile must look at the lock
    try {
      await this.entries.renewLocks(queue, items);
    } catch {
      for (const item of items) item.isLocked = false; // Redis is away: with the next look
    }
  }
}
