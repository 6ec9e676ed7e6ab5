import type { Settings } from '../config/index.js';
import { Deadline, messageOf, monotonicMs, withTimeout } from '../foundation/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { DRAIN_ORDER } from './drain-order.js';
import type { Drain } from './drain.js';
import type { Drainable } from './drainable.js';
import type { Drainables } from './drainables.js';

/** The steps after the signals have fired end when this part of the hand-over margin (max(1 s, grace / 5)) is left. */
const FLUSH_AT = 0.5;
/** Leaving the roll has time of its own: a ledger that is away uses up all the time for flushing, and then the fleet must still hear of it. */
const LEAVE_AT = 0.28;
const CLOSE_AT = 0.1;
const EXIT_AT = 0.06;

/**
 * The grace timetable: quiet → wait → interrupt → flush → close. Walk e.
 *
 * ```
 * signal                                        margin begins       0.5   0.28   0.1   0.06  end of grace
 *   |-- quiet, jobs end or hand over at a checkpoint --|-- interrupt --|-- flush --|-- leave --|-- close --|
 * ```
 * All of it hangs on one deadline, computed when the signal came. Each step ends early when its work is done, and is
 * left behind when its time is over: a server that is away must not keep the process from going.
 * Nothing closes before everything has flushed: until then a running job may need its connections (PROTOCOL rule 24).
 */
export class Shutdown {
  private done: Promise<number> | undefined;
  private faults = 0;

  constructor(
    private readonly drain: Drain,
    private readonly rooms: Drainables,
    private readonly settings: Pick<Settings, 'shutdownGraceMs' | 'handoverMarginMs'>,
    private readonly telemetry: Telemetry,
  ) {}

  get isStopping(): boolean {
    return this.done !== undefined;
  }

  /** SHUTDOWN_GRACE in ms. */
  get graceMs(): number {
    return this.settings.shutdownGraceMs;
  }

  /**
   * Runs once; later calls get the first one's promise. Resolves with the exit code, never rejects: 0 when everything
   * was finished, recorded or handed over; 1 when something could not be written, so that its outcome may be repeated.
   */
  run(closeApp: () => Promise<void>, signal: string): Promise<number> {
    return (this.done ??= this.inOrder(closeApp, signal));
  }

  private async inOrder(closeApp: () => Promise<void>, signal: string): Promise<number> {
    const began = monotonicMs();
    const { shutdownGraceMs: graceMs, handoverMarginMs: marginMs } = this.settings;
    const grace = Deadline.after(graceMs);
    this.telemetry.emit('process.stopping', { signal, graceMs });

    const margin = grace.before(marginMs);
    await this.step('quiet', this.drain.retire(signal), margin);
    await this.drain.untilIdle(margin);
    if (!this.drain.isIdle()) await this.interrupt(grace.before(marginMs * FLUSH_AT));
    await this.flush(grace.before(marginMs * LEAVE_AT), grace.before(marginMs * CLOSE_AT));
    const exitCode = this.faults === 0 ? 0 : 1;
    await this.step('close', closeApp(), grace.before(marginMs * EXIT_AT));

    this.telemetry.emit('process.stopped', { durationMs: Math.round(monotonicMs() - began), exitCode });
    return exitCode;
  }

  private async interrupt(deadline: Deadline): Promise<void> {
    const busy = this.drain.busy();
    this.telemetry.emit('process.interrupting', { busy: busy.length });
    const rooms = this.rooms.all();
    await Promise.all(
      rooms.map((room) => this.roomStep(room, 'interrupt', room.interrupt('shutdown', deadline), deadline)),
    );
  }

  // Smallest order first: what a worker says last must reach the ledger's batches before those are written out.
  private async flush(writtenBy: Deadline, leftBy: Deadline): Promise<void> {
    for (const room of this.rooms.all()) {
      const deadline = room.order < DRAIN_ORDER.fleet ? writtenBy : leftBy;
      await this.roomStep(room, 'flush', room.flush(deadline), deadline);
    }
  }

  private async roomStep(
    room: Drainable,
    step: string,
    work: Promise<void>,
    deadline: Deadline,
  ): Promise<void> {
    if (!(await this.step(`${step} ${room.name}`, work, deadline))) this.faults++;
  }

  // On the way down nothing stops the next step: a fault is told and counted.
  private async step(name: string, work: Promise<unknown>, deadline: Deadline): Promise<boolean> {
    try {
      await withTimeout(work, deadline.remainingMs, () => new Error('was not done in time'));
      return true;
    } catch (error) {
      this.telemetry.emit('process.stopFailed', { step: name, error: messageOf(error) });
      return false;
    }
  }
}
