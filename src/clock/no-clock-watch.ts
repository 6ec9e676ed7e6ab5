import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { DrainChannel } from '../control/index.js';
import { MINUTE, monotonicMs, type WakeableLoop } from '../foundation/index.js';
import { ScheduleRecords } from '../ledger/index.js';
import { RedisClients } from '../redis/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';

/** Whether a clock leads, and whether one is needed. */
export interface ClockWatchReport {
  /** Null while Redis, which knows it, is away. */
  readonly leads: boolean | null;
  /** Any schedule is enabled. */
  readonly isNeeded: boolean;
}

/** Nobody is told before the lease has been free for so long: a deploy takes seconds. */
const NOBODY_LEADS_MS = MINUTE;
/** Looked at so often; the look is one EXISTS in Redis. */
const LOOK_EVERY_MS = MINUTE / 4;
/** No schedule was enabled: the ledger is asked again only after this. */
const NOT_NEEDED_MS = 10 * MINUTE;

/**
 * In every process: notices that no clock leads while schedules are enabled, which no clock could say. A drain that stands
 * is a reason, not a fault. The admins hear of it (failures/attention-events.ts) by the event, which is repeated each minute.
 */
@Injectable()
export class NoClockWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: WakeableLoop;
  private freeSinceMs: number | undefined;
  private toldAtMs: number | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisClients,
    private readonly drains: DrainChannel,
    private readonly schedules: ScheduleRecords,
    private readonly telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, 'no-clock watch', () => this.look(monotonicMs()));
  }

  onApplicationBootstrap(): void {
    if (this.settings.roles.length > 0) this.loop.start(); // a one-off process is gone before it could know
  }

  async onModuleDestroy(): Promise<void> {
    await this.loop.stop();
  }

  /** One look, for `doctor`. */
  async report(): Promise<ClockWatchReport> {
    const [leads, isNeeded] = await Promise.all([this.leads(), this.schedules.anyEnabled()]);
    return { leads, isNeeded };
  }

  /** One look at `nowMs` (monotonic); answers in how many ms to look again. */
  async look(nowMs: number): Promise<number> {
    const leads = await this.leads();
    if (leads === true) this.noteLed();
    if (leads !== false || (await this.isDraining())) {
      this.freeSinceMs = undefined;
      return LOOK_EVERY_MS;
    }
    const freeForMs = nowMs - (this.freeSinceMs ??= nowMs);
    if (freeForMs < NOBODY_LEADS_MS) return LOOK_EVERY_MS;
    if (!(await this.schedules.anyEnabled())) return NOT_NEEDED_MS;
    this.tell(freeForMs, nowMs);
    return LOOK_EVERY_MS;
  }

  private tell(freeForMs: number, nowMs: number): void {
    if (this.toldAtMs !== undefined && nowMs - this.toldAtMs < MINUTE) return;
    this.toldAtMs = nowMs;
    this.telemetry.emit('clock.nobodyLeads', { forMs: Math.round(freeForMs) });
  }

  private noteLed(): void {
    if (this.toldAtMs === undefined) return;
    this.toldAtMs = undefined;
    this.telemetry.emit('clock.leadsAgain', {});
  }

  private async leads(): Promise<boolean | null> {
    const held = await this.redis.command.exists(this.redis.keys.lease('clock')).catch(() => null);
    return held === null ? null : held === 1;
  }

  // A wish that has ended lies in Redis until the next drain is read: it is no reason any more.
  private async isDraining(): Promise<boolean> {
    const standing = await this.drains.standing().catch(() => []);
    return standing.some((wish) => wish.roles.includes('clock'));
  }
}
