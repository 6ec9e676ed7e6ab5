import { type Entries, MOST_PER_CALL, type ReturnedEntry } from './entries.js';
import type { Item } from './item.js';
import { RetryTimer } from './retry-timer.js';
import type { Whereto } from './scripts/index.js';

export interface SettlementListener {
  /** Redis has taken it in: the item is out of our hands. */
  onSettled(item: Item): void;
  /** Redis did not take them in: they are kept, and nobody need wait for it. */
  onStuck(): void;
  /** It waits again, but its entry was wiped from Redis while we had it. */
  onMissing(item: Item): void;
  /** The worker that should take what is handed over; '' for anybody. Never rejects. */
  heir(queue: string): Promise<string>;
}

interface Returned extends ReturnedEntry {
  readonly item: Item;
}

/**
 * Tells Redis what became of the entries of one queue, outside of the slots: whatever gathers while one script call is under
 * way goes with the next (group commit without timers). While Redis is away it is kept and tried again; the ledger has
 * been written before, so nothing is lost if it never succeeds: the active sweep asks the rows.
 */
export class Settlements {
  private ended: Item[] = [];
  private returned: Returned[] = [];
  private isFlushing = false;
  private flying = 0;
  private readonly retry = new RetryTimer(() => {
    this.schedule();
  });

  constructor(
    private readonly queue: string,
    private readonly entries: Entries,
    private readonly listener: SettlementListener,
  ) {}

  /** Not yet in Redis. */
  get size(): number {
    return this.ended.length + this.returned.length + this.flying;
  }

  /** Whether Redis did not take the last flush. */
  get isStuck(): boolean {
    return this.retry.hasFailed;
  }

  acknowledge(item: Item): void {
    this.ended.push(item);
    this.schedule();
  }

  giveBack(item: Item, whereto: Whereto, dueAt = 0): void {
    this.returned.push({ item, taskId: item.taskId, claim: item.claim, whereto, dueAt });
    this.schedule();
  }

  /** Redis is back: no need to wait for the next attempt. */
  retryNow(): void {
    if (!this.retry.isWaiting) return;
    this.retry.cancel();
    this.schedule();
  }

  // setImmediate: all outcomes of one commit resolve in the same turn of the event loop.
  private schedule(): void {
    if (this.isFlushing || this.retry.isWaiting) return;
    this.isFlushing = true;
    setImmediate(() => void this.flush());
  }

  private async flush(): Promise<void> {
    try {
      while (this.ended.length + this.returned.length > 0) await this.flushOnce();
      this.retry.succeeded();
    } catch {
      this.retry.failed();
      this.listener.onStuck();
    } finally {
      this.isFlushing = false;
    }
  }

  private async flushOnce(): Promise<void> {
    const ended = this.ended.splice(0, MOST_PER_CALL);
    // The last first: those before them are put before them.
    const returned = this.returned.splice(-MOST_PER_CALL);
    this.flying = ended.length + returned.length;
    try {
      const [, missing] = await Promise.all([
        this.entries.acknowledge(this.queue, ended),
        this.giveBackAll(returned),
      ]);
      this.flying = 0;
      for (const item of ended) this.listener.onSettled(item);
      for (const { item } of returned) this.listener.onSettled(item);
      if (missing.length > 0) this.tellMissing(returned, new Set(missing));
    } catch (error) {
      this.flying = 0;
      this.ended.push(...ended);
      this.returned.push(...returned);
      throw error;
    }
  }

  private async giveBackAll(returned: readonly Returned[]): Promise<string[]> {
    if (returned.length === 0) return [];
    const heir = returned.some(({ whereto }) => whereto === 'head')
      ? await this.listener.heir(this.queue)
      : '';
    return this.entries.giveBack(this.queue, returned, heir);
  }

  private tellMissing(returned: readonly Returned[], missing: ReadonlySet<string>): void {
    for (const { item, whereto } of returned) {
      if (missing.has(item.taskId) && whereto !== 'out') this.listener.onMissing(item);
    }
  }
}
