import type { Lane } from '../config/index.js';
import { InHand, messageOf, Waiters } from '../foundation/index.js';
import type { Telemetry } from '../telemetry/index.js';
import type { ClaimCounter } from './claim-counter.js';
import type { Disposition, Handler, Prepared } from './delivery.js';
import { WINDOW_MS } from './entry.js';
import type { Entries } from './entries.js';
import { Intake, type IntakeOwner } from './intake.js';
import type { Item } from './item.js';
import { LateLocks } from './late-locks.js';
import type { ProcessLimits } from './process-limits.js';
import { QueueWatch } from './queue-watch.js';
import { AGAIN_MS, type Whereto } from './scripts/index.js';
import { type SettlementListener, Settlements } from './settlements.js';
import { Slots, type SlotsListener } from './slots.js';
import { type WakeLine, type WakeReason } from './wake-line.js';
import type { Losses } from './losses.js';

/** A second suspect comes back after this long. */
const SUSPECT_AGAIN_MS = 1_000;

/**
 * The share of what a lane may hold that is worth a fetch of its own. Two batches are under way at a time, so it should be a half; but
 * the bound on unrecorded ends keeps a task or two waiting, and with a full half the second batch missed the next commit every time
 * (a fifth fewer tasks where a commit takes 10 ms).
 */
const NEARLY_HALF = 0.49;

/** What the lanes of a process share. */
export interface ConsumerParts {
  readonly entries: Entries;
  readonly claims: ClaimCounter;
  readonly limits: ProcessLimits;
  readonly losses: Losses;
  readonly telemetry: Telemetry;
  /** The worker that should take what this process hands over when it goes; '' for anybody. Never rejects. */
  heirOf(queue: string): Promise<string>;
  /** The blocking read of a queue, on a connection of its own. */
  openLine(queue: string, onWake: (why: WakeReason) => void): WakeLine;
}

/**
 * Works a lane: fetches batches from its queues, has them started in the ledger by the handler, runs them as slots get free,
 * and tells Redis what became of them. Walk b, the part below the worker.
 *
 * ```
 * Intake: fetch ──▶ handler: START committed ──▶ Slots: ready ▶ running ▶ ended ──▶ disposition ──▶ Settlements: Redis
 * ```
 * An entry is held from its fetch to the moment Redis has taken in its disposition; its lock, if it has one, is renewed that long.
 */
export class Consumer implements IntakeOwner, SlotsListener, SettlementListener {
  private readonly held = new InHand<Item>();
  private readonly locks: LateLocks;
  private readonly watches: readonly QueueWatch[];
  private readonly intake: Intake;
  private readonly slots: Slots;
  private readonly settlements = new Map<string, Settlements>();
  private isOpen = false;
  private isWanted = false;
  private isSuspended = false;
  private readonly idlers = new Waiters();
  private readonly stopHearingOfRoom: () => void;

  constructor(
    readonly lane: Lane,
    private readonly handler: Handler,
    private readonly parts: ConsumerParts,
  ) {
    const { entries, claims, limits, losses } = parts;
    this.locks = new LateLocks(this.held, entries);
    this.watches = lane.queues.map((queue) => this.watch(queue));
    this.intake = new Intake(this.watches, entries, claims, losses, this);
    this.slots = new Slots(lane.slots, limits, this);
    for (const queue of lane.queues) this.settlements.set(queue, new Settlements(queue, entries, this));
    this.stopHearingOfRoom = limits.onRoom(() => {
      this.slots.fill();
      this.intake.pump();
    });
  }

  /** Tasks running now. */
  get inFlight(): number {
    return this.slots.running;
  }

  /** Entries fetched and not started: on their way, prepared, or being given back. */
  get ahead(): number {
    return this.intake.pending + this.slots.waiting + this.slots.releasing;
  }

  /** Entries whose disposition Redis has not taken in. */
  get unacknowledged(): number {
    let sum = 0;
    for (const each of this.settlements.values()) sum += each.size;
    return sum;
  }

  /** Fetches made since the start. */
  get fetches(): number {
    return this.intake.fetches;
  }

  /** Begins to fetch. Called again: nothing. */
  start(): void {
    this.resume();
  }

  /**
   * Fetches nothing more and gives back whatever has not started. Resolves when nothing can start any more; what is being
   * given back still counts as `ahead`. Running tasks go on.
   */
  async quiet(): Promise<void> {
    this.isWanted = false;
    await this.close();
  }

  /** Fetches again. */
  resume(): void {
    this.isWanted = true;
    this.openIfMay();
  }

  /** We may have been presumed dead: what was started and does not run yet may be somebody else's, and is given up. */
  suspend(): void {
    this.isSuspended = true;
    void this.close();
  }

  /** We are somebody new. */
  unsuspend(): void {
    this.isSuspended = false;
    this.openIfMay();
  }

  /** Quiet for good: closes the blocking connections. Running tasks go on, and Redis still hears of their ends. */
  async stop(): Promise<void> {
    const stopped = this.intake.stop(); // first: then going quiet looks for nothing in a Redis that may not answer
    await this.quiet();
    await stopped;
    this.stopHearingOfRoom();
  }

  /** Resolves when nothing runs, is ahead, unrecorded or unacknowledged; what Redis does not take while it is away is not waited for. */
  untilIdle(): Promise<void> {
    return this.idlers.until(() => this.isIdle());
  }

  /** Redis is back. */
  reconnected(): void {
    for (const each of this.settlements.values()) each.retryNow();
    this.intake.doubt();
    if (this.isOpen) this.intake.open();
    else this.intake.retryNow();
  }

  // ── IntakeOwner ──

  wanted(): number {
    const { slots, intake } = this;
    return (
      slots.count + slots.window.ahead - slots.running - slots.waiting - slots.releasing - intake.pending
    );
  }

  // A slot that nothing is on the way to must not wait; else nearly half of what we may hold makes a batch worth its commit.
  isTooFew(wanted: number): boolean {
    const { slots, intake } = this;
    const hasIdleSlot = slots.running + slots.waiting + intake.pending < slots.count;
    return !hasIdleSlot && wanted < (slots.count + slots.window.ahead) * NEARLY_HALF;
  }

  holds(taskId: string, claim: string): boolean {
    return this.held.values().some((item) => item.taskId === taskId && item.claim === claim);
  }

  onRest(): void {
    this.tellIdle();
  }

  hasShortRuns(): boolean {
    return this.slots.window.ahead > 0;
  }

  async take(items: readonly Item[]): Promise<void> {
    for (const item of items) item.place = this.held.add(item);
    if (items[0]?.isLocked === false) this.locks.watch();
    // Fetched under an identity that we have given up meanwhile: the ledger would start it for somebody else.
    const isOurs = items.every((item) => this.parts.claims.isOurs(item.claim));
    if (!this.isOpen || !isOurs) {
      for (const item of items) this.giveBack(item, 'back');
      return;
    }
    const startable = this.withoutSecondSuspect(items);
    if (startable.length > 0) await this.prepare(startable);
  }

  // ── SlotsListener ──

  onFree(): void {
    this.intake.pump();
    this.tellIdle();
  }

  onDisposed(item: Item, disposition: Disposition): void {
    if (item.suspect) this.parts.limits.unseatSuspect();
    this.settle(item, disposition);
    if (this.slots.releasing === 0) this.intake.pump();
  }

  // ── SettlementListener ──

  onSettled(item: Item): void {
    if (item.place >= 0) this.held.remove(item.place);
    item.place = -1;
    this.tellIdle();
  }

  onStuck(): void {
    this.tellIdle();
  }

  onMissing(item: Item): void {
    this.parts.losses.entryLost(item.taskId);
  }

  // Only who goes leaves it to somebody: while we work, it is ours as much as anybody's.
  heir(queue: string): Promise<string> {
    return this.isOpen ? Promise.resolve('') : this.parts.heirOf(queue);
  }

  // ── inside ──

  private openIfMay(): void {
    if (this.isOpen || !this.isWanted || this.isSuspended) return;
    this.isOpen = true;
    this.intake.open();
  }

  private async close(): Promise<void> {
    this.isOpen = false;
    this.slots.releaseAll();
    await this.intake.close();
    if (!this.mayStart()) this.slots.releaseAll();
  }

  // Asked anew after each wait: a `resume` may have come in between.
  private mayStart(): boolean {
    return this.isOpen;
  }

  private watch(queue: string): QueueWatch {
    const line = this.parts.openLine(queue, (why) => {
      watch.noteWake(why);
    });
    const watch = new QueueWatch(queue, line, () => {
      this.intake.looked(watch);
    });
    return watch;
  }

  private withoutSecondSuspect(items: readonly Item[]): readonly Item[] {
    if (!items.some((item) => item.suspect)) return items;
    return items.filter((item) => {
      if (!item.suspect || this.parts.limits.seatSuspect()) return true;
      this.giveBack(item, 'again', Date.now() + SUSPECT_AGAIN_MS);
      return false;
    });
  }

  private async prepare(items: readonly Item[]): Promise<void> {
    let answers: readonly (Prepared | Disposition)[];
    try {
      answers = await this.handler(items);
    } catch (error) {
      for (const item of items) this.returnUnstarted(item);
      this.parts.telemetry.emit('dispatch.startFailed', {
        queue: items[0]?.queue ?? '',
        tasks: items.length,
        error: messageOf(error),
      });
      throw error;
    }
    // Others may have presumed us dead while the ledger was asked: what it started for the one we were must not run here.
    const [first] = items;
    const isOurs = first !== undefined && this.parts.claims.isOurs(first.claim);
    const prepared: Item[] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      const answer = answers[i];
      if (item === undefined || answer === undefined) continue;
      if ('kind' in answer) {
        this.onDisposed(item, answer);
        continue;
      }
      item.prepared = answer;
      prepared.push(item);
    }
    if (this.isOpen && isOurs) this.slots.offer(prepared);
    else this.slots.release(prepared);
  }

  private returnUnstarted(item: Item): void {
    if (item.suspect) this.parts.limits.unseatSuspect();
    this.giveBack(item, 'back');
  }

  private settle(item: Item, disposition: Disposition): void {
    switch (disposition.kind) {
      case 'settled':
        this.settlements.get(item.queue)?.acknowledge(item);
        return;
      case 'later':
        this.giveBackLater(item, disposition.runAt);
        return;
      case 'head':
        this.giveBack(item, 'head');
        return;
      case 'drop':
        this.giveBack(item, 'drop');
        return;
      case 'park':
        this.giveBack(item, 'out');
        return;
    }
  }

  private giveBackLater(item: Item, runAt: number): void {
    if (runAt - Date.now() > WINDOW_MS) this.giveBack(item, 'out');
    else this.giveBack(item, item.hasStarted ? 'later' : 'again', runAt);
  }

  private giveBack(item: Item, whereto: Whereto, dueAt = 0): void {
    this.settlements.get(item.queue)?.giveBack(item, whereto, dueAt);
    if ((whereto !== 'later' && whereto !== 'again') || !this.isOpen) return;
    const soonestMs = whereto === 'again' ? AGAIN_MS : 0;
    this.watches.find((watch) => watch.queue === item.queue)?.lookIn(Math.max(soonestMs, dueAt - Date.now()));
  }

  private isIdle(): boolean {
    if (this.inFlight > 0 || this.ahead > 0) return false;
    for (const item of this.held.values()) {
      if (!(this.settlements.get(item.queue)?.isStuck ?? false)) return false;
    }
    return true;
  }

  private tellIdle(): void {
    if (!this.idlers.isEmpty && this.isIdle()) this.idlers.wake(); // in this order: to look through all that is held takes time
  }
}
