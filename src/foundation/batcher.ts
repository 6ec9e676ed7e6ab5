import { deferred, type Deferred } from './deferred.js';
import { asError } from './errors.js';
import { Turns } from './turns.js';
import { Waiters } from './waiters.js';

export interface BatcherOptions {
  /** Most items of one flush. 200 by default in our rooms: larger batches are faster but raise the neighbours' p99. */
  readonly maxItems: number;
  /** Flushes in flight at once. Two keep the server busy while we prepare the next; more only shrink the batches. */
  readonly inFlight: number;
  /**
   * A crowd larger than this is shared among the flights. The callers of one flush come back together: were they all in
   * one, the server would have nothing to do until they have. Default: no crowd is shared before `maxItems`.
   */
  readonly shareFrom?: number;
  /** Flights take turns at the server: each says by the second argument of `flush` when it has been answered. Default: false. */
  readonly takesTurns?: boolean;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly done: Deferred<O>;
}

/**
 * Many callers, one statement: group commit without timers. An item is flushed as soon as a flush slot is free; while
 * all are taken, items gather and go out together. So a lone item waits for nobody, and a crowd shares its commits.
 *
 * `flush` gets the items in the order they came and answers one outcome per item, in the same order; a value resolves
 * its caller, an `Error` rejects it, and a promise keeps only its own caller waiting, not the batch. When the whole flush
 * throws, each caller gets that error.
 */
export class Batcher<I, O> {
  private waiting: Waiting<I, O>[] = [];
  private flying = 0;
  private flyingItems = 0;
  private scheduled = false;
  private readonly idlers = new Waiters();
  private readonly turns: Turns | undefined;

  constructor(
    private readonly flush: (
      items: readonly I[],
      answered: () => void,
    ) => Promise<readonly (O | Promise<O> | Error)[]>,
    private readonly options: BatcherOptions,
  ) {
    if (options.takesTurns !== true) return;
    this.turns = new Turns(options.shareFrom ?? options.maxItems, () => {
      this.launch();
    });
  }

  /** Settles when the item's flush has: for our tables, when its row is committed. */
  add(item: I): Promise<O> {
    const done = deferred<O>();
    this.waiting.push({ item, done });
    this.schedule();
    return done.promise;
  }

  /** Items not yet settled. */
  get size(): number {
    return this.waiting.length + this.flyingItems;
  }

  /** Resolves when everything added before has been settled. */
  idle(): Promise<void> {
    return this.idlers.until(() => this.size === 0);
  }

  // setImmediate, not a microtask: callers woken in the same turn of the event loop share one flush.
  private schedule(): void {
    if (this.scheduled || !this.mayLaunch()) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.launch();
    });
  }

  private mayLaunch(): boolean {
    return this.flying < this.options.inFlight && (this.turns?.isFree ?? true);
  }

  private launch(): void {
    while (this.waiting.length > 0 && this.mayLaunch()) {
      const batch = this.take();
      this.flying++;
      this.flyingItems += batch.length;
      void this.run(batch).finally(() => {
        this.flying--;
        this.flyingItems -= batch.length;
        this.launch();
        if (this.size === 0) this.idlers.wake();
      });
    }
  }

  private take(): Waiting<I, O>[] {
    const { maxItems, inFlight, shareFrom = maxItems } = this.options;
    const most = Math.min(maxItems, Math.max(shareFrom, Math.ceil(this.size / inFlight)));
    if (this.waiting.length > most) return this.waiting.splice(0, most);
    const all = this.waiting;
    this.waiting = [];
    return all;
  }

  private async run(batch: readonly Waiting<I, O>[]): Promise<void> {
    const answered = this.turns?.take(batch.length) ?? noTurn;
    try {
      const outcomes = await this.flush(
        batch.map((waiting) => waiting.item),
        answered,
      );
      batch.forEach((waiting, i) => {
        const outcome = outcomes[i];
        if (outcome instanceof Error) waiting.done.reject(outcome);
        else waiting.done.resolve(outcome as O | Promise<O>); // one outcome per item is the contract of `flush`
      });
    } catch (error) {
      for (const waiting of batch) waiting.done.reject(asError(error));
    } finally {
      answered();
    }
  }
}

function noTurn(): void {
  // they fly as they come
}
