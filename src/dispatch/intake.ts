import { Waiters } from '../foundation/index.js';
import { DispatchUnavailableError } from '../redis/index.js';
import { batchName } from './batches.js';
import type { ClaimCounter } from './claim-counter.js';
import { type Entries, type Fetched, MOST_PER_CALL } from './entries.js';
import { Item } from './item.js';
import type { QueueWatch } from './queue-watch.js';
import { RetryTimer } from './retry-timer.js';
import { FETCHED_FIELDS } from './scripts/index.js';
import type { Losses } from './losses.js';

/**
 * Fetches in flight at once. The commit that starts a batch takes a while; a second batch is on its way meanwhile. More only
 * make the batches smaller.
 */
const PIPELINES = 2;

export interface IntakeOwner {
  /** How many entries would be started soon, had we them now. */
  wanted(): number;
  /** Whether so few are better fetched later, together with others. */
  isTooFew(wanted: number): boolean;
  /** Whether runs are so short lately that most entries have ended before a lock has served any purpose. */
  hasShortRuns(): boolean;
  /** Takes a batch into work. Rejects if it could not: the batch has been given back, and the next fetch waits a little. */
  take(items: readonly Item[]): Promise<void>;
  /** Whether we hold this entry under this claim. */
  holds(taskId: string, claim: string): boolean;
  /** Nothing is being fetched at the moment. */
  onRest(): void;
}

/** Brings entries from the queues of a lane, the first queue first. Fetches while it may, waits to be woken when all are empty. */
export class Intake {
  /** Fetches made so far. */
  fetches = 0;
  private isOpen = false;
  private isStopped = false;
  private isLooking = false;
  private asked = 0;
  private inFlight = 0;
  private readonly retry = new RetryTimer(() => {
    this.retryNow();
  });
  private readonly doubtful = new Set<string>();
  private readonly idlers = new Waiters();

  constructor(
    private readonly watches: readonly QueueWatch[],
    private readonly entries: Entries,
    private readonly claims: ClaimCounter,
    private readonly losses: Losses,
    private readonly owner: IntakeOwner,
  ) {}

  /** Asked of Redis, or being taken into work. */
  get pending(): number {
    return this.asked;
  }

  open(): void {
    this.isOpen = true;
    for (const watch of this.watches) watch.isWorthALook = true;
    this.retryNow();
  }

  /**
   * Fetches nothing more. Resolves when what was under way has been taken or given back. In doubt it looks once for entries of lost
   * answers before that, and if Redis is away, again afterwards.
   */
  async close(): Promise<void> {
    this.isOpen = false;
    this.retry.cancel();
    for (const watch of this.watches) {
      watch.standDown();
      // Others look after its next due time now. Redis away: everybody looks again when it is back.
      this.entries.wake(watch.queue).catch(() => undefined);
    }
    await this.lookIfClosed();
  }

  /** Closes for good, and looks for nothing any more: whoever leaves is off the roll, and what is in its name is taken by others. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.close();
    for (const watch of this.watches) watch.close();
  }

  /**
   * An answer may have been lost: Redis has carried a fetch out, its entries are locked in our name, and nobody knows. (The
   * client sends a request again that was cut off, so that this happens without any error.) The next fetch looks, or whoever closes.
   */
  doubt(): void {
    for (const watch of this.watches) this.doubtful.add(watch.queue);
  }

  /** Redis, or the ledger, may be back: no need to wait for the next attempt. */
  retryNow(): void {
    this.retry.cancel();
    if (this.isOpen) this.pump();
    else void this.lookIfClosed();
  }

  /** A queue has become worth a look, or its blocking read has ended. */
  looked(watch: QueueWatch): void {
    this.pump();
    // We were told of it and have no use for it: somebody else must hear.
    if (watch.isWorthALook && !(this.isOpen && this.mayFetch(this.owner.wanted()))) this.passOn(watch);
  }

  /** Fetches as long as there is use for more and a queue that may have some. */
  pump(): void {
    while (this.isOpen && this.inFlight < this.mostInFlight() && !this.retry.isWaiting) {
      const wanted = this.owner.wanted();
      if (!this.mayFetch(wanted)) return;
      const watch = this.nextWatch();
      if (watch === undefined) return;
      void this.fetch(watch, Math.min(wanted, MOST_PER_CALL));
    }
  }

  private mayFetch(wanted: number): boolean {
    return wanted > 0 && !this.owner.isTooFew(wanted);
  }

  // Before a reclaim nothing else may be in flight: an entry of a reply on its way would look lost.
  private mostInFlight(): number {
    return this.doubtful.size > 0 ? 1 : PIPELINES;
  }

  // Those before it are known to be empty: they must be able to wake us meanwhile.
  private nextWatch(): QueueWatch | undefined {
    for (const watch of this.watches) {
      if (watch.isWorthALook) return watch;
      watch.rest();
    }
    return undefined;
  }

  private async fetch(watch: QueueWatch, n: number): Promise<void> {
    this.inFlight++;
    this.asked += n;
    let stillAsked = n;
    const answered = watch.answered.splice(0);
    try {
      await this.reclaimDoubtful();
      const { processId, first } = this.claims.take(n);
      this.fetches++;
      const { calls } = watch;
      const options = { mayBatch: this.owner.hasShortRuns(), answered };
      const fetched = await this.entries.fetch(watch.queue, n, processId, first, options);
      const items = itemsOf(watch.queue, fetched, processId, first);
      this.asked -= n - items.length;
      stillAsked = items.length;
      watch.noteFetched(fetched, n, calls);
      if (fetched.state === 'unmarked') this.losses.queueWiped(watch.queue);
      try {
        if (items.length > 0) await this.owner.take(items);
      } finally {
        if (fetched.isBatch) watch.answered.push(batchName(processId, first));
      }
      this.retry.succeeded();
    } catch (error) {
      watch.answered.push(...answered);
      if (error instanceof DispatchUnavailableError) this.doubt();
      if (this.isOpen) this.tryAgainLater();
    } finally {
      this.asked -= stillAsked;
      this.inFlight--;
      this.pump();
      this.tellAnswered();
      this.tellIdle();
    }
  }

  // A fetch that is under way reports the answered batches itself.
  private tellAnswered(): void {
    if (this.inFlight > 0) return;
    for (const { queue, answered } of this.watches) {
      const names = answered.splice(0);
      this.entries.forgetBatches(queue, names).catch(() => answered.push(...names));
    }
  }

  // While we are closed no fetch looks for lost answers, and while we live nobody else takes what is locked in our name.
  private async lookIfClosed(): Promise<void> {
    // Whoever leaves does not wait for a look that is under way: Redis may not answer. Not by `until`: it yields once more before
    // we go on, and two callers would begin a look each.
    while (this.inFlight > (this.isStopped && this.isLooking ? 1 : 0)) await this.idlers.next();
    if (this.isOpen || this.isStopped || this.doubtful.size === 0) return;
    this.inFlight++;
    this.isLooking = true;
    try {
      await this.reclaimDoubtful();
      this.retry.succeeded();
    } catch {
      this.tryAgainLater(); // Redis is away: the doubt stays
    } finally {
      this.inFlight--;
      this.isLooking = false;
      this.pump();
      this.tellIdle();
    }
  }

  private async reclaimDoubtful(): Promise<void> {
    for (const queue of this.doubtful) await this.reclaim(queue);
  }

  // Entries in our name that we do not hold.
  private async reclaim(queue: string): Promise<void> {
    const batches = await this.entries.batches(queue);
    for await (const holders of this.entries.holders(queue, batches)) {
      const lost = holders.flatMap(({ taskId, claim }) =>
        claim !== null && this.claims.isOurs(claim) && !this.owner.holds(taskId, claim)
          ? [{ taskId, claim, whereto: 'back' as const }]
          : [],
      );
      for (let i = 0; i < lost.length; i += MOST_PER_CALL)
        await this.entries.giveBack(queue, lost.slice(i, i + MOST_PER_CALL));
    }
    // With nothing in flight our notes are out of date, and would hide what another process's note says of the same entry.
    const ours = batches.names.filter((name) => this.claims.isOurs(name));
    await this.entries.forgetBatches(queue, ours);
    this.doubtful.delete(queue);
  }

  private passOn(watch: QueueWatch): void {
    const { calls } = watch;
    const passing = this.isOpen
      ? this.entries.fetch(watch.queue, 0, '', 0).then((fetched) => {
          watch.noteFetched(fetched, 0, calls);
        })
      : this.entries.wake(watch.queue);
    passing.catch(() => undefined); // Redis is away: everybody looks again when it is back
  }

  private tryAgainLater(): void {
    if (!this.isStopped) this.retry.failed();
  }

  private tellIdle(): void {
    if (this.inFlight > 0) return;
    this.idlers.wake();
    this.owner.onRest();
  }
}

function itemsOf(queue: string, fetched: Fetched, processId: string, firstClaim: number): Item[] {
  const { fields } = fetched;
  const now = Date.now();
  const items: Item[] = [];
  for (let i = 0; i + FETCHED_FIELDS <= fields.length; i += FETCHED_FIELDS) {
    const claim = `${processId}:${firstClaim + items.length}`;
    items.push(
      new Item(
        fields[i] ?? '',
        fields[i + 1] ?? '',
        queue,
        claim,
        fields[i + 2] ?? '',
        fields[i + 3] === '1',
        now,
        !fetched.isBatch,
      ),
    );
  }
  return items;
}
