import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { HOUR, MINUTE, messageOf, monotonicMs } from '../foundation/index.js';
import { Prune } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';

/** Closed FailedTasks are kept longer than finished tasks: they are the memory of what went wrong. */
const FAILED_TASK_DAYS = 180;
const EVERY_MS = HOUR;
/** A process that has just booted has better things to do. */
const FIRST_AFTER_MS = 10 * MINUTE;

/** Forgets what is old enough, once an hour, in small batches. Any number of processes may do it; one is enough. */
@Injectable()
export class Retention {
  private nextAt = monotonicMs() + FIRST_AFTER_MS;
  private stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly prune: Prune,
    private readonly telemetry: Telemetry,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Begins to prune, in the background, if an hour has passed since the last time. */
  runIfDue(): void {
    if (monotonicMs() < this.nextAt) return;
    this.nextAt = monotonicMs() + EVERY_MS;
    this.running = this.run().catch((error: unknown) => {
      this.telemetry.emit('loop.failed', { loop: 'failures.retention', error: messageOf(error) });
    });
  }

  /** Prunes now. Throws `LedgerUnavailableError`. */
  async run(): Promise<void> {
    const { signal } = this.stopping;
    const tasks = await this.prune.tasks(this.settings.retentionDays, signal);
    const failedTasks = await this.prune.failedTasks(FAILED_TASK_DAYS, signal);
    await this.prune.processesAndMails(this.settings.retentionDays, signal);
    if (tasks + failedTasks > 0) this.telemetry.emit('retention.pruned', { tasks, failedTasks });
  }

  /** Resolves when the batch under way has been written; none follows. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    this.stopping = new AbortController();
  }
}
