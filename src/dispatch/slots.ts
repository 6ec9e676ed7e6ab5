import { monotonicMs, pause } from '../foundation/index.js';
import type { Disposition } from './delivery.js';
import type { Item } from './item.js';
import type { ProcessLimits } from './process-limits.js';
import { RunWindow } from './run-window.js';

/** An entry that has been ready for this long and has not started goes back. Twice the 50 ms for which entries are fetched ahead. */
const LATE_MS = 100;
/** A release that the ledger refused (it is away) is tried again after this long. */
const RELEASE_AGAIN_MS = 500;

export interface SlotsListener {
  /** A slot is free, or one more may be fetched. */
  onFree(): void;
  /** The ledger knows what became of it. */
  onDisposed(item: Item, disposition: Disposition): void;
}

/**
 * The slots of a lane, and the prepared items that wait for one, first come first served. A slot is free as soon as its run
 * has ended; its outcome is recorded outside of it, within the process's bound on what is unrecorded.
 */
export class Slots {
  readonly window: RunWindow;
  private ready: (Item | undefined)[] = [];
  private firstReady = 0;
  private runningCount = 0;
  private releasingCount = 0;
  private lateTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly count: number,
    private readonly limits: ProcessLimits,
    private readonly listener: SlotsListener,
  ) {
    this.window = new RunWindow(count);
  }

  get running(): number {
    return this.runningCount;
  }

  /** Prepared, waiting for a slot. */
  get waiting(): number {
    return this.ready.length - this.firstReady;
  }

  /** Prepared, being given up. */
  get releasing(): number {
    return this.releasingCount;
  }

  /** Prepared items: each starts now if there is a slot, else as soon as there is one, else it is released. */
  offer(items: readonly Item[]): void {
    const since = monotonicMs();
    for (const item of items) {
      item.since = since;
      this.ready.push(item);
    }
    this.fill();
  }

  /** Starts what can be started. */
  fill(): void {
    while (this.runningCount < this.count && this.firstReady < this.ready.length && this.limits.mayStart) {
      this.start(this.next());
    }
    if (this.waiting > 0) this.watchForLate();
  }

  /** Gives up everything that waits for a slot. */
  releaseAll(): void {
    const items: Item[] = [];
    while (this.waiting > 0) items.push(this.next());
    this.release(items);
  }

  /** Gives up prepared items: their rows wait again, uncounted, and their entries go where the answers say. */
  release(items: readonly Item[]): void {
    if (items.length === 0) return;
    this.releasingCount += items.length;
    // Answered together: what goes back piecemeal goes back in another order.
    void Promise.all(items.map(releaseUntilDone)).then((dispositions) => {
      this.releasingCount -= items.length;
      for (const [i, item] of items.entries()) {
        const disposition = dispositions[i];
        if (disposition !== undefined) this.listener.onDisposed(item, disposition);
      }
    });
  }

  private next(): Item {
    const item = this.ready[this.firstReady];
    this.ready[this.firstReady++] = undefined; // the queue must not keep alive what has started
    if (item === undefined) throw new Error('Nothing is ready: a fault in Shiftwork, please report it');
    if (this.firstReady === this.ready.length || this.firstReady > 512) {
      this.ready = this.ready.slice(this.firstReady);
      this.firstReady = 0;
    }
    return item;
  }

  private start(item: Item): void {
    const { prepared } = item;
    if (prepared === undefined) return;
    item.prepared = undefined;
    this.runningCount++;
    item.hasStarted = true;
    item.since = monotonicMs();
    const run = prepared.run();
    void run.ended.then(() => {
      this.ended(item);
    });
    void run.disposition.then((disposition) => {
      this.disposed(item, disposition);
    });
  }

  private ended(item: Item): void {
    item.hasEnded = true;
    this.runningCount--;
    if (!item.isDisposed) this.limits.ended();
    const now = monotonicMs();
    this.window.noteEnd(now, now - item.since);
    this.fill();
    this.listener.onFree();
  }

  // May come before the end: a timed-out run's row has moved on while its deaf handler still holds the slot.
  private disposed(item: Item, disposition: Disposition): void {
    item.isDisposed = true;
    if (item.hasEnded) this.limits.recorded();
    this.listener.onDisposed(item, disposition);
  }

  private watchForLate(): void {
    this.lateTimer ??= setTimeout(() => {
      this.lateTimer = undefined;
      this.releaseLate();
    }, LATE_MS);
  }

  private releaseLate(): void {
    this.fill(); // first: if the loop was blocked, there may be a slot by now
    const lateBefore = monotonicMs() - LATE_MS;
    const late: Item[] = [];
    while (this.waiting > 0 && (this.ready[this.firstReady]?.since ?? Infinity) <= lateBefore)
      late.push(this.next());
    if (late.length > 0) this.window.noteLate();
    this.release(late);
    if (this.waiting > 0) this.watchForLate();
  }
}

async function releaseUntilDone(item: Item): Promise<Disposition> {
  for (;;) {
    try {
      return item.prepared === undefined ? { kind: 'drop' } : await item.prepared.release();
    } catch {
      await pause(RELEASE_AGAIN_MS); // the ledger is away: the row is still ours
    }
  }
}
