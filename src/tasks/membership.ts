import { Injectable } from '@nestjs/common';
import { DEAD_AFTER_MS, Heartbeat, RollCall, SKEW_LIMIT_MS, ThisProcess } from '../fleet/index.js';
import { inTime, messageOf, newId, pause, SECOND, withTimeout, type Deadline } from '../foundation/index.js';
import { Outbox, Processes } from '../ledger/index.js';
import { AT_REST, Drain, type Drainable, Drainables, DRAIN_ORDER } from '../lifecycle/index.js';
import { Telemetry } from '../telemetry/index.js';
import { Rescuer } from './rescuer.js';

/** Between two attempts to be written into the ledger, ms. */
const REGISTER_EVERY_MS = SECOND;
/** What is kept of the last step for saying in Redis what the ledger could not be told, ms. */
const FAREWELL_MS = 100;
const MOST_NAMED = 20;

/**
 * Our place in the fleet, from the first row to the last beat. It joins before anything is fetched (register → beat), takes a
 * new identity when others may have presumed us dead, and leaves last of all: whoever has left the roll owns nothing.
 */
@Injectable()
export class Membership implements Drainable {
  readonly name = 'fleet';
  readonly role = null;
  readonly order = DRAIN_ORDER.fleet;
  readonly quiet = AT_REST.quiet;
  readonly resume = AT_REST.resume;
  readonly busy = AT_REST.busy;
  readonly pending = AT_REST.pending;
  readonly untilIdle = AT_REST.untilIdle;
  readonly interrupt = AT_REST.interrupt;
  private readonly leaving = new AbortController();
  private joined: Promise<void> | undefined;
  private renewing: Promise<void> | undefined;

  constructor(
    private readonly self: ThisProcess,
    private readonly heartbeat: Heartbeat,
    private readonly roll: RollCall,
    private readonly processes: Processes,
    private readonly outbox: Outbox,
    private readonly rescuer: Rescuer,
    private readonly drain: Drain,
    private readonly drainables: Drainables,
    private readonly telemetry: Telemetry,
  ) {}

  /**
   * Registers in the ledger (tries until it answers, or a shutdown begins), begins to beat, and to rescue others. Resolves
   * when the others can see us; nothing may be fetched before. Twice is fine.
   */
  join(): Promise<void> {
    return (this.joined ??= this.joinOnce());
  }

  private async joinOnce(): Promise<void> {
    this.drainables.signIn(this);
    this.heartbeat.set({ state: this.drain.state });
    this.drain.onStateChange((state) => {
      this.heartbeat.set({ state });
    });
    this.heartbeat.onPresumedDead((gapMs) => {
      void this.renew(gapMs);
    });
    if (!(await this.register(this.self.id))) return;
    await this.heartbeat.start();
    // Frozen between the row and the first beat, for so long that somebody declared us gone: start over.
    if (await this.processes.isGone(this.self.id).catch(() => false))
      this.heartbeat.presumeDead(DEAD_AFTER_MS);
    this.rescuer.start();
  }

  // The new id must be in the ledger before it is used: a start under an unknown id is refused.
  private renew(gapMs: number): Promise<void> {
    return (this.renewing ??= this.renewOnce(gapMs).finally(() => {
      this.renewing = undefined;
    }));
  }

  private async renewOnce(gapMs: number): Promise<void> {
    const oldProcess = this.self.id;
    const newProcess = newId();
    if (!(await this.register(newProcess))) return;
    // We live, so no task of ours has killed us: whoever rescues the old id counts interruptions.
    await this.roll.sayLeft(oldProcess).catch(() => undefined);
    this.self.become(newProcess);
    this.telemetry.emit('process.presumedDead', { oldProcess, newProcess, gapMs });
  }

  private async register(id: string): Promise<boolean> {
    const { roles, host, pid, release } = this.self;
    for (let told = false; !this.leaving.signal.aborted; told = true) {
      try {
        const askedAt = Date.now();
        const now = await this.processes.register({ id, roles, host, pid, release });
        this.tellSkew((askedAt + Date.now()) / 2 - now.getTime());
        this.outbox.belongTo(id);
        return true;
      } catch (error) {
        if (!told) this.telemetry.emit('process.unregistered', { error: messageOf(error) });
        await pause(REGISTER_EVERY_MS, this.leaving.signal);
      }
    }
    return false;
  }

  // Ours minus that of the database, ms. Due times are the database's: a wrong clock of ours shows in delays, and to people.
  private tellSkew(skewMs: number): void {
    if (Math.abs(skewMs) > SKEW_LIMIT_MS)
      this.telemetry.emit('fleet.clockSkew', { server: 'postgres', skewMs: Math.round(skewMs) });
  }

  /** Leaves. Rejects when tasks were left undone, because the ledger is away: then it has said so in Redis. */
  async flush(deadline: Deadline): Promise<void> {
    this.leaving.abort();
    const owed = await this.tellLedger(deadline.before(FAREWELL_MS));
    const { tasks, count } = owed ?? this.unfinished();
    const stopped = this.heartbeat.stop({ left: owed === null || owed.count > 0 });
    // Redis may keep its connections and not answer. A process that owes nothing need not be heard.
    await (owed?.count === 0 ? inTime(stopped, deadline.remainingMs / 2) : stopped);
    await this.rescuer.stop();
    if (count === 0) return;
    this.telemetry.emit('process.leftUnfinished', {
      tasks: tasks.slice(0, MOST_NAMED),
      more: count - Math.min(tasks.length, MOST_NAMED),
    });
    throw new Error(
      `${String(count)} tasks could not be recorded or handed over; others will run them again`,
    );
  }

  // null: the ledger is away, and nobody can say what it knows of our tasks.
  private async tellLedger(deadline: Deadline): Promise<Unfinished | null> {
    return withTimeout(this.leaveLedger(), deadline.remainingMs, () => new Error('too late')).catch(
      () => null,
    );
  }

  // A job that was overruled may run on, and a counter may still be on its way down: what counts is what the ledger says.
  private async leaveLedger(): Promise<Unfinished> {
    const tasks = this.unfinished().count > 0 ? await this.processes.stillStarted(this.self.id) : [];
    await this.processes.left(this.self.id, { owes: tasks.length > 0 });
    return { tasks, count: tasks.length };
  }

  private unfinished(): Unfinished {
    const others = this.drainables.all().filter((room) => room !== this);
    const tasks = others.flatMap((room) => room.busy().map(({ task }) => task));
    const pending = others.reduce((sum, room) => sum + room.pending(), 0);
    return { tasks, count: Math.max(tasks.length, pending) };
  }
}

interface Unfinished {
  /** Ids of tasks that run, or ended without being recorded. */
  readonly tasks: readonly string[];
  /** Their number, with those that were fetched and not given back. */
  readonly count: number;
}
