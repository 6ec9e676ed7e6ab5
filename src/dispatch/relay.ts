import { Inject, Injectable } from '@nestjs/common';
import { queueNames, SETTINGS, type Settings } from '../config/index.js';
import { Heartbeat, RollCall, ThisProcess } from '../fleet/index.js';
import { inTime, SECOND, type WakeableLoop } from '../foundation/index.js';
import { ANYTHING_LIVE, PAUSES, REMINDERS_DUE, Undispatched, WINDOW_DUE } from '../ledger/index.js';
import { AT_REST, DRAIN_ORDER, Drainables, type Drainable } from '../lifecycle/index.js';
import { RedisClients } from '../redis/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { ActiveSweep } from './active-sweep.js';
import { Chores } from './chores.js';
import { DelayedWindow } from './delayed-window.js';
import { Entries } from './entries.js';
import { Losses } from './losses.js';
import { OldestCheck } from './oldest-check.js';
import { OutboxRelay } from './outbox-relay.js';
import { QueueControl } from './queue-control.js';
import { RedisIdentity } from './redis-identity.js';
import { Refill } from './refill.js';

/** Somebody else is repairing: look again, ms. */
const LOOK_AGAIN_MS = 2 * SECOND;
/** The sweep wants a second look at entries without a lock after this long, ms. */
const SWEEP_AGAIN_MS = 5 * SECOND;
/** `start` waits this long for the first pass; a long refill goes on behind it. */
const FIRST_PASS_MS = 2 * SECOND;

/** Work that is to be done once more, because something happened. */
type Debt = 'identity' | 'outbox' | 'sweep';

/**
 * Sees to it that Redis holds what the ledger says it should: accepted tasks that never got there, queues that were wiped,
 * entries whose worker is gone, tasks that become due. Woken by whatever went wrong (a put that failed, a missing marker, a
 * death, Redis coming back); what nobody could notice is found by the chores. Nothing polls fast.
 */
@Injectable()
export class Relay implements Drainable {
  readonly name = 'relay';
  readonly role = null;
  readonly order = DRAIN_ORDER.relay;
  readonly busy = AT_REST.busy;
  readonly pending = AT_REST.pending;
  readonly untilIdle = AT_REST.untilIdle;
  readonly interrupt = AT_REST.interrupt;
  readonly flush = AT_REST.flush;
  private readonly loop: WakeableLoop;
  private readonly wiped = new Set<string>();
  private readonly lost = new Set<string>();
  private readonly owed = new Set<Debt>(['identity', 'outbox', 'sweep']);
  private firstPass: (() => void) | undefined;
  private stopListening: (() => void)[] = [];

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisClients,
    private readonly self: ThisProcess,
    private readonly heartbeat: Heartbeat,
    private readonly roll: RollCall,
    private readonly undispatched: Undispatched,
    private readonly entries: Entries,
    private readonly outbox: OutboxRelay,
    private readonly refill: Refill,
    private readonly sweep: ActiveSweep,
    private readonly window: DelayedWindow,
    private readonly oldest: OldestCheck,
    private readonly identity: RedisIdentity,
    private readonly control: QueueControl,
    private readonly losses: Losses,
    private readonly chores: Chores,
    private readonly telemetry: Telemetry,
    drainables: Drainables,
  ) {
    this.loop = toldLoop(telemetry, 'relay', () => this.pass());
    this.signInChores();
    drainables.signIn(this);
  }

  /** Begins to look after Redis. Resolves after the first pass, or 2 s. Twice is fine. */
  async start(): Promise<void> {
    if (this.stopListening.length > 0) return;
    for (const queue of queueNames(this.settings.lanes)) this.wiped.add(queue); // they may be new; looking costs one command each
    this.stopListening = [
      this.losses.onQueueWiped((queue) => {
        this.wiped.add(queue);
        this.loop.nudge();
      }),
      this.losses.onEntryLost((id) => {
        this.lost.add(id);
        this.loop.nudge();
      }),
      this.heartbeat.onMarkerMissing((queues) => {
        for (const queue of queues) this.losses.queueWiped(queue);
      }),
      this.redis.onReady(() => {
        this.owed.add('identity');
        this.nudge();
      }),
    ];
    const first = new Promise<void>((resolve) => (this.firstPass = resolve));
    this.loop.start();
    this.chores.start();
    await inTime(first, FIRST_PASS_MS);
  }

  /** A process died, or a put failed: looks at the outbox and at `active` now (or as soon as Redis is back), and wakes the workers. */
  nudge(): void {
    this.owed.add('outbox').add('sweep');
    this.loop.nudge();
  }

  /**
   * Puts those of these tasks that wait, as their rows say, and answers whether Redis has them. If not (PostgreSQL or Redis is away),
   * they are put as soon as both are there; what this process forgets when it ends is left to the chores. Never throws.
   */
  async dispatch(ids: readonly string[]): Promise<boolean> {
    try {
      await this.outbox.dispatch(ids);
      return true;
    } catch {
      for (const id of ids) this.lost.add(id);
      this.loop.nudge();
      return false;
    }
  }

  async quiet(): Promise<void> {
    for (const stop of this.stopListening) stop();
    this.stopListening = [];
    await Promise.all([this.loop.stop(), this.chores.stop()]);
  }

  async resume(): Promise<void> {
    await this.start();
  }

  private async pass(): Promise<number> {
    if (!this.redis.isReady) return this.endOfPass(Infinity); // woken when it is
    const again = [
      await this.settle('identity', () => this.checkIdentity()),
      await this.repairWiped(),
      await this.putLost(),
      await this.settle('outbox', () => this.emptyOutbox()),
      await this.settle('sweep', () => this.sweepActive()),
    ];
    return this.endOfPass(Math.min(...again));
  }

  private endOfPass(nextMs: number): number {
    this.firstPass?.();
    this.firstPass = undefined;
    return nextMs;
  }

  // Struck off before it is done, so that what comes meanwhile is owed anew. An error, or a time to look again, puts it back.
  private async settle(debt: Debt, work: () => Promise<number>): Promise<number> {
    if (!this.owed.delete(debt)) return Infinity;
    let againMs = 0;
    try {
      againMs = await work();
    } finally {
      if (againMs < Infinity) this.owed.add(debt);
    }
    return againMs;
  }

  private async checkIdentity(): Promise<number> {
    const isSettled = await this.identity.ifAnother(this.self.id, async () => {
      const queues = await this.knownQueues();
      await this.refill.restorePauses(queues); // with the markers in place, nothing else would
      for (const queue of queues) {
        if (await this.refill.repair(queue, this.self.id)) await this.refill.fill(queue, this.self.id);
      }
      this.owed.add('sweep');
    });
    return isSettled ? Infinity : LOOK_AGAIN_MS;
  }

  private async repairWiped(): Promise<number> {
    for (const queue of this.wiped) {
      if (await this.refill.repair(queue, this.self.id)) this.wiped.delete(queue);
    }
    return this.wiped.size > 0 ? LOOK_AGAIN_MS : Infinity;
  }

  private async putLost(): Promise<number> {
    if (this.lost.size === 0) return Infinity;
    const ids = [...this.lost];
    await this.outbox.dispatch(ids);
    for (const id of ids) this.lost.delete(id);
    return Infinity;
  }

  private async emptyOutbox(): Promise<number> {
    const tasks = await this.outbox.run();
    if (tasks > 0) this.telemetry.emit('dispatch.relayed', { tasks });
    return Infinity;
  }

  private async sweepActive(): Promise<number> {
    const queues = await this.knownQueues();
    const mustLookAgain = await this.sweep.run(queues);
    // The dead one may have taken a wake token, or the timer of the next delayed entry, with it.
    for (const queue of queues) await this.entries.wake(queue);
    return mustLookAgain ? SWEEP_AGAIN_MS : Infinity;
  }

  private async knownQueues(): Promise<string[]> {
    const [served, live] = await Promise.all([this.roll.queuesServed(), this.undispatched.queues()]);
    return [...new Set([...queueNames(this.settings.lanes), ...served.keys(), ...live])];
  }

  private signInChores(): void {
    this.chores.signIn({
      name: 'outbox',
      due: REMINDERS_DUE,
      run: async () => {
        await this.outbox.run();
      },
    });
    this.chores.signIn({
      name: 'window',
      due: WINDOW_DUE,
      run: async () => {
        await this.window.advance();
      },
    });
    this.chores.signIn({
      name: 'oldest',
      due: ANYTHING_LIVE,
      run: async () => {
        await this.oldest.run();
      },
    });
    this.chores.signIn({
      name: 'sweep',
      due: ANYTHING_LIVE,
      run: async () => {
        this.owed.add('sweep');
        this.loop.nudge();
      },
    });
    // The cast: it is what PAUSES builds.
    this.chores.signIn({
      name: 'pauses',
      due: PAUSES,
      run: async (states) => {
        await this.control.restore(states as { queue: string; paused: boolean }[]);
      },
    });
  }
}
