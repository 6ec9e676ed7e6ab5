import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { HOUR, monotonicMs } from '../foundation/index.js';
import { TickRecords } from '../ledger/index.js';

/** Forgets old ticks, as old tasks are forgotten: after RETENTION_DAYS. Only looks after a tick, and at most once an hour. */
@Injectable()
export class TickPruner {
  private lookedAtMs = -HOUR;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly ticks: TickRecords,
  ) {}

  /** Ticks have been recorded. */
  async ticked(): Promise<void> {
    if (monotonicMs() - this.lookedAtMs < HOUR) return;
    const removed = await this.ticks.prune(this.settings.retentionDays, PORTION);
    if (removed < PORTION) this.lookedAtMs = monotonicMs(); // else the next tick goes on with it
  }
}

const PORTION = 5_000;
