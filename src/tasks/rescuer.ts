import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { Chores, Relay } from '../dispatch/index.js';
import { DEAD_AFTER_MS, Heartbeat, RollCall, type Overdue } from '../fleet/index.js';
import { messageOf, SECOND, TestSignal } from '../foundation/index.js';
import { MISSING_PROCESSES, Processes } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';
import { Handover } from './handover.js';

/** Tests wait here, between "gone" and the hand-over, to kill the rescuer. */
export const processGone = new TestSignal('rescuer.gone');

/** After a boot or a blackout everybody has beaten again by then; nobody is looked for earlier, ms. */
const SETTLE_MS = DEAD_AFTER_MS + 2 * SECOND;

/**
 * Rescues the tasks of processes that died: every process does, and any number of them may at once. The order is what makes
 * it safe: gone (no start of the dead can follow) → rows → entries → resolved. Whoever dies in between leaves the dead one
 * overdue, and the next beat of anybody begins again (PROTOCOL 19).
 */
@Injectable()
export class Rescuer {
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly told = new Set<string>();
  private readonly failedListeners = new Set<(taskIds: readonly string[]) => void>();
  private readonly rescuedListeners = new Set<(deadProcess: string) => void>();
  private stopListening: (() => void)[] = [];
  private settling: NodeJS.Timeout | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly heartbeat: Heartbeat,
    private readonly roll: RollCall,
    private readonly processes: Processes,
    private readonly handover: Handover,
    private readonly relay: Relay,
    private readonly telemetry: Telemetry,
    chores: Chores,
  ) {
    // The cast: it is what MISSING_PROCESSES builds.
    chores.signIn({
      name: 'missing processes',
      due: MISSING_PROCESSES,
      run: (ids) => this.rescueMissing(ids as readonly string[]),
    });
  }

  /** Begins to listen for deaths. Twice is fine. */
  start(): void {
    if (this.stopListening.length > 0) return;
    this.stopListening = [
      this.heartbeat.onDeaths((overdue) => {
        for (const each of overdue) void this.rescue(each);
      }),
      this.heartbeat.onBlackout((began) => {
        if (!began) this.sweepOnceSettled();
      }),
    ];
    this.sweepOnceSettled();
  }

  /** Rescues no more; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    for (const stop of this.stopListening) stop();
    this.stopListening = [];
    clearTimeout(this.settling);
    await Promise.all(this.underWay.values());
  }

  /** Calls `listener` with tasks that ended FAILED as `crashed`: somebody must handle those failures. */
  onFailed(listener: (taskIds: readonly string[]) => void): () => void {
    this.failedListeners.add(listener);
    return () => this.failedListeners.delete(listener);
  }

  /** Calls `listener` when a dead process is off the roll: whatever it had claimed may be taken over. Answers the way to stop. */
  onRescued(listener: (deadProcess: string) => void): () => void {
    this.rescuedListeners.add(listener);
    return () => this.rescuedListeners.delete(listener);
  }

  /** Rescues one process; a second call for it while the first is under way is the same call. Never rejects. */
  rescue(overdue: Overdue): Promise<void> {
    const running = this.underWay.get(overdue.id);
    if (running !== undefined) return running;
    const rescue = this.attempt(overdue).finally(() => this.underWay.delete(overdue.id));
    this.underWay.set(overdue.id, rescue);
    return rescue;
  }

  // A process that died in a blackout, or was wiped from the roll, is never reported as overdue. The chores would find it, but later.
  private sweepOnceSettled(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      void this.sweep();
    }, SETTLE_MS).unref();
  }

  /** Rescues whoever should be on the roll and is not. A server that is away is left to the chores. */
  async sweep(): Promise<void> {
    await this.processes
      .missing()
      .then((ids) => this.rescueMissing(ids))
      .catch((error: unknown) => {
        this.telemetry.emit('loop.failed', { loop: 'missing processes', error: messageOf(error) });
      });
  }

  // The roll is called after the ledger was read: who booted meanwhile is on it.
  private async rescueMissing(ids: readonly string[]): Promise<void> {
    const alive = await this.roll.alive();
    if (alive === null) return; // the end of the blackout, or the chores, will look again
    await Promise.all(
      ids.filter((id) => !alive.has(id)).map((id) => this.rescue({ id, silentMs: DEAD_AFTER_MS })),
    );
  }

  private async attempt({ id, silentMs }: Overdue): Promise<void> {
    try {
      if ((await this.processes.gone(id, DEAD_AFTER_MS)) === 'beating') return; // cut off from Redis, not dead
      if (!this.told.has(id)) this.telemetry.emit('process.died', { deadProcess: id, silentMs });
      this.told.add(id);
      await processGone.reached(id);
      await this.handOverAll(id);
    } catch (error) {
      this.telemetry.emit('fleet.rescueFailed', { deadProcess: id, error: messageOf(error) });
    }
  }

  private async handOverAll(id: string): Promise<void> {
    const left = await this.roll.saidLeft(id).catch(() => false);
    const { moved, locked } = await this.handover.ofProcess({
      id,
      left,
      crashLimit: this.settings.crashLimit,
    });
    const failed = moved.filter((task) => task.status === 'FAILED').map((task) => task.id);
    if (failed.length > 0) for (const listener of this.failedListeners) listener(failed);
    this.relay.nudge(); // its outbox rows, and the entries it had fetched ahead
    if (moved.length > 0)
      this.telemetry.emit('process.rescued', {
        deadProcess: id,
        handedOver: moved.length - failed.length,
        crashed: failed.length,
      });
    if (locked > 0) return; // still overdue: the next beat comes back for the rest
    await this.processes.resolved(id);
    for (const listener of this.rescuedListeners) listener(id);
    await this.roll.forget([id]);
    this.told.delete(id);
  }
}
