import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { Leaderships, type Leadership } from '../fleet/index.js';
import { SECOND, TestSignal, UnavailableError, type WakeableLoop } from '../foundation/index.js';
import { DRAIN_ORDER, Drainables, type BusyWith, type Drainable } from '../lifecycle/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { Declarations } from './declarations.js';
import { LedgerTime } from './ledger-time.js';
import { NestSchedule } from './nest-schedule.js';
import { ScheduleBook } from './schedule-book.js';
import { ScheduleExplorer } from './schedule-explorer.js';
import { ScheduleNudges } from './schedule-nudges.js';
import { TickEnqueuer } from './tick-enqueuer.js';
import { TickPruner } from './tick-pruner.js';
import { planTicks, type TickPlan } from './tick-plan.js';

/*
 * The clock decides when recurring work is due.
 *
 * Any number of clocks run; one leads, by a lease in Redis, and only it acts. But no promise rests on the lease: a tick is
 * recorded under a compare-and-set on its schedule, against the database's time, in one transaction with its task. Two clocks
 * that both believe to lead cost one refused statement, never a second task. So while Redis is away, and nobody can lead,
 * every clock acts after ten seconds.
 *
 * Time is the database's, carried on by the monotonic clock (ledger-time.ts): a wall clock that is set changes nothing.
 *
 * Nothing is polled. The loop sleeps until the next due moment of the schedules in memory, at most 30 s at a time to notice
 * (without asking anybody) that the machine slept; it wakes when it begins to lead, and when somebody changes a schedule.
 */

/** Tests wait here, between the plan of ticks and their record. */
export const ticksPlanned = new TestSignal('clock.planned');

/** Schedules whose ticks share a transaction. */
const BATCH = 100;
/** Redis has not answered for this long: then every clock acts. */
const REDIS_AWAY_MS = 10 * SECOND;
/** The longest sleep: how late a machine that slept is noticed. */
const LONGEST_SLEEP_MS = 30 * SECOND;
/** Not leading: whoever begins to lead is nudged; this is for noticing that Redis is away. */
const FOLLOWER_SLEEP_MS = 2 * SECOND;
/** PostgreSQL is away: tried again this soon. */
const LEDGER_AWAY_MS = SECOND;

/** The role `clock`. While it is quiet it fires nothing and does not lead. */
@Injectable()
export class Clock implements Drainable {
  readonly name = 'clock';
  readonly role = 'clock';
  readonly order = DRAIN_ORDER.clock;

  private readonly leadership: Leadership;
  private readonly loop: WakeableLoop;
  /** Since when, by the database's time, it acts without a break, and in which reign. */
  private acting: { readonly sinceMs: number; readonly term: number } | undefined;
  private quietSinceMs: number | undefined;
  private drainedSinceMs: number | null = null;
  private isStarted = false;
  private isWorking = false;
  private unsubscribe: (() => Promise<void>) | undefined;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    leaderships: Leaderships,
    drainables: Drainables,
    private readonly explorer: ScheduleExplorer,
    private readonly declarations: Declarations,
    private readonly book: ScheduleBook,
    private readonly ticks: TickEnqueuer,
    private readonly pruner: TickPruner,
    private readonly methods: NestSchedule,
    private readonly nudges: ScheduleNudges,
    private readonly time: LedgerTime,
    private readonly telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, 'clock', (stopped) => this.work(stopped));
    this.leadership = leaderships.of('clock');
    this.leadership.onChange(() => {
      this.loop.nudge();
    });
    // Before the wishes are read: a drain that stands must find us.
    if (settings.roles.includes('clock')) drainables.signIn(this);
  }

  /** Begins to contend and to act, unless the process is quiet already. Call it once Nest has booted; twice is fine. */
  async start(): Promise<void> {
    if (this.isStarted) return;
    this.isStarted = true;
    this.unsubscribe = await this.nudges.listen((names) => {
      this.book.noteChange(names);
      this.loop.nudge();
    });
    this.go();
  }

  private go(): void {
    if (!this.isStarted || this.isQuiet()) return;
    this.leadership.start();
    this.methods.start(() => this.leadership.isLeading() && this.knowsItsReign());
    this.loop.start();
  }

  /** One round; answers in how many ms the next is due. */
  private async work(stopped: AbortSignal): Promise<number> {
    if (!this.mayAct()) {
      this.leave('another leads, or nobody can');
      return FOLLOWER_SLEEP_MS;
    }
    this.isWorking = true;
    try {
      if (!this.knowsItsReign()) await this.begin();
      await this.book.refresh();
      this.methods.leads(this.book.methods);
      await this.fireDue(stopped);
      return this.sleepMs();
    } catch (error) {
      if (error instanceof UnavailableError) return LEDGER_AWAY_MS; // told by the door to PostgreSQL
      throw error;
    } finally {
      this.isWorking = false;
    }
  }

  private mayAct(): boolean {
    return this.leadership.isLeading() || this.leadership.unansweredForMs > REDIS_AWAY_MS;
  }

  // Not by leading alone: a reign may be lost and another won between two rounds.
  private knowsItsReign(): boolean {
    return this.acting?.term === this.leadership.term;
  }

  // Whoever led before has moved the schedules on, and perhaps runs another release.
  private async begin(): Promise<void> {
    const { term } = this.leadership;
    await this.book.glance();
    const sinceMs = this.time.now();
    await this.declarations.sync([...this.explorer.declarations, ...this.methods.definitions(sinceMs)]);
    this.book.noteChange(null);
    await this.book.refresh();
    this.methods.leads(this.book.methods); // some may have been paused meanwhile: before any may run
    this.acting = { sinceMs: this.acting?.sinceMs ?? sinceMs, term };
    const why = this.leadership.isLeading() ? 'leads' : 'Redis is away';
    this.telemetry.emit('clock.started', { schedules: this.book.size, methods: this.methods.size, why });
  }

  private leave(why: string): void {
    if (this.acting === undefined) return;
    this.acting = undefined;
    this.telemetry.emit('clock.stopped', { why });
  }

  // Asked again before each transaction whether we may: a reign can end between two of them.
  private async fireDue(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted && this.mayAct()) {
      const due = this.book.takeDue(BATCH);
      if (due.length === 0) {
        this.drainedSinceMs = null; // all that fell into the drain has been dealt with
        return;
      }
      try {
        await this.fire(due.flatMap((row) => planTicks(row, this.presence()) ?? []));
      } catch (error) {
        this.book.postpone(due, LEDGER_AWAY_MS);
        throw error;
      }
    }
  }

  private async fire(plans: readonly TickPlan[]): Promise<void> {
    await ticksPlanned.reached(plans);
    const overtaken = new Set(await this.ticks.record(plans));
    for (const plan of plans) if (!overtaken.has(plan.row.name)) this.book.recorded(plan);
    if (overtaken.size > 0) {
      this.telemetry.emit('schedule.overtaken', { schedules: overtaken.size });
      await this.book.overtaken([...overtaken]);
    }
    await this.pruner.ticked();
  }

  private presence(): { nowMs: number; actingSinceMs: number; drainedSinceMs: number | null } {
    const nowMs = this.time.now();
    return { nowMs, actingSinceMs: this.acting?.sinceMs ?? nowMs, drainedSinceMs: this.drainedSinceMs };
  }

  private sleepMs(): number {
    if (this.book.isStale) return 0;
    const untilNextMs = (this.book.nextMs ?? Infinity) - this.time.now();
    return Math.max(0, Math.min(untilNextMs, LONGEST_SLEEP_MS));
  }

  /** Ends the tick in flight and resigns: when it resolves, another clock may lead. */
  async quiet(): Promise<void> {
    this.quietSinceMs ??= this.time.now();
    this.methods.stop();
    await this.loop.stop();
    if (this.isQuiet()) {
      this.leave('quiet');
      await this.leadership.resign();
    }
  }

  // Asked anew after a wait: a `resume` may have come while the last tick was being written.
  private isQuiet(): boolean {
    return this.quietSinceMs !== undefined;
  }

  /** Contends again. What fell into the drain is skipped or caught up, as the misfire policy of each schedule says. */
  async resume(): Promise<void> {
    this.drainedSinceMs = this.quietSinceMs ?? null;
    this.quietSinceMs = undefined;
    this.go();
  }

  busy(): readonly BusyWith[] {
    return this.methods.busy();
  }

  pending(): number {
    return this.isWorking && this.isQuiet() ? 1 : 0;
  }

  async untilIdle(): Promise<void> {
    if (this.isQuiet()) await this.loop.stop();
    await this.methods.untilIdle();
  }

  /** There is nothing to hand over: a tick is committed, or the next clock finds it due. */
  async interrupt(): Promise<void> {
    await this.quiet();
  }

  async flush(): Promise<void> {
    await this.unsubscribe?.();
    this.unsubscribe = undefined;
  }
}
