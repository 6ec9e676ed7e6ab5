import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import {
  type Deadline,
  type WakeableLoop,
  monotonicMs,
  pause,
  Waiters,
  withTimeout,
} from '../foundation/index.js';
import { AT_REST, DRAIN_ORDER, type Drainable, Drainables } from '../lifecycle/index.js';
import { RedisClients } from '../redis/index.js';
import { Rescuer } from '../tasks/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { AttentionEvents } from './attention-events.js';
import { FailureChain } from './failure-chain.js';
import { FailureDigest } from './failure-digest.js';
import { Retention } from './retention.js';

/** Said when there are recorded failures for the workers' handlers. */
const CHANNEL = 'failures';
/** See `record`. */
const GATHER_MS = 100;

/**
 * Wakes the chain. Nothing here looks at the database on its own account: it looks when somebody says that a task has
 * failed, at boot, when a dead process was rescued, when PostgreSQL is back, and when a sweep found something left.
 *
 * Two loops: recording never waits for a user's handler, so a hanging one delays no FailedTask.
 */
@Injectable()
export class Failures implements Drainable {
  readonly name = 'failures';
  readonly role = 'worker';
  readonly order = DRAIN_ORDER.failures;
  /** What fails while the process goes quiet is still to be recorded; there is nothing new to refuse here. */
  readonly quiet = AT_REST.quiet;
  readonly resume = AT_REST.resume;
  readonly busy = AT_REST.busy;
  private readonly isWorker: boolean;
  private readonly recording: WakeableLoop;
  private readonly linking: WakeableLoop;
  private readonly stopping: (() => unknown)[] = [];
  private gatherUntilMs = 0;
  private working = 0;
  private readonly idlers = new Waiters();
  private started = false;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    private readonly chain: FailureChain,
    private readonly digest: FailureDigest,
    private readonly attention: AttentionEvents,
    private readonly retention: Retention,
    private readonly rescuer: Rescuer,
    private readonly redis: RedisClients,
    private readonly drainables: Drainables,
    private readonly telemetry: Telemetry,
  ) {
    this.isWorker = settings.roles.includes('worker');
    this.recording = this.loop('failures.record', (signal) => this.record(signal));
    this.linking = this.loop('failures.links', (signal) => this.runLinks(signal));
  }

  /** Begins to work off what is pending; the ledger must know this process by then. Twice is the same as once. */
  async start(): Promise<void> {
    if (this.started) return;
    this.started = true;
    this.drainables.signIn(this);
    this.recording.start();
    if (this.isWorker) this.linking.start();
    this.digest.start();
    this.attention.start();
    // A process that died may have left failures half handled and a mail half sent; those of its tasks that may not run again failed.
    this.stopping.push(
      this.rescuer.onFailed(() => this.lookAgain()),
      this.rescuer.onRescued(() => this.lookAgain()),
    );
    if (this.isWorker)
      this.stopping.push(
        await this.redis.subscriber.subscribe(this.redis.keys.channel(CHANNEL), () => {
          this.linking.nudge();
        }),
      );
  }

  /** A task has failed for good, and that is committed. Returns at once; the rest happens in the background, and surely. */
  noteFailed(): void {
    this.recording.nudge();
  }

  /**
   * Looks at everything again that may have been left by others, and has every worker do so: one process finds a death, and
   * what the dead one has left may be for handlers that only others have.
   */
  lookAgain(): void {
    this.recording.nudge();
    this.digest.nudge();
    this.callWorkers();
  }

  pending(): number {
    return this.working;
  }

  untilIdle(): Promise<void> {
    return this.idlers.until(() => this.working === 0);
  }

  async interrupt(): Promise<void> {
    await this.linking.stop();
  }

  /** What has failed while the process was ending is recorded now; what is left is for the others. */
  async flush(deadline: Deadline): Promise<void> {
    if (!this.started) return;
    this.started = false;
    // PostgreSQL away, or a mail server that does not answer: pending failures and due mails keep for the next process.
    await withTimeout(this.stopLoops(), deadline.remainingMs, () => new Error('in the background')).catch(
      () => undefined,
    );
  }

  private async stopLoops(): Promise<void> {
    await Promise.all([this.linking.stop(), this.recording.stop(), this.retention.stop()]);
    await this.recordNow(new AbortController().signal).catch(() => undefined); // away: the next process records it
    await this.attention.stop();
    await this.digest.stop();
    for (const stop of this.stopping.splice(0)) await stop();
  }

  private loop(loop: string, work: (signal: AbortSignal) => Promise<number>): WakeableLoop {
    return toldLoop(this.telemetry, loop, (signal) => this.counted(() => work(signal)));
  }

  private async counted<T>(work: () => Promise<T>): Promise<T> {
    this.working++;
    try {
      return await work();
    } finally {
      this.working--;
      if (this.working === 0) this.idlers.wake();
    }
  }

  private async record(signal: AbortSignal): Promise<number> {
    // The first failure is recorded at once; in a flood those of a tenth of a second share a commit.
    await pause(this.gatherUntilMs - monotonicMs(), signal);
    const recorded = await this.recordNow(signal);
    if (recorded > 0) this.gatherUntilMs = monotonicMs() + GATHER_MS;
    return Infinity;
  }

  private async recordNow(signal: AbortSignal): Promise<number> {
    const { recorded, waiting } = await this.chain.record(!this.isWorker, signal);
    if (recorded > waiting) this.digest.nudge();
    if (waiting > 0) this.callWorkers();
    return recorded;
  }

  private callWorkers(): void {
    this.linking.nudge();
    // Redis is away: the sweep finds what nobody has heard of.
    void this.redis.command.publish(this.redis.keys.channel(CHANNEL), '').catch(() => undefined);
  }

  private async runLinks(signal: AbortSignal): Promise<number> {
    while (!signal.aborted && (await this.chain.handleSome(signal)) > 0) this.digest.nudge();
    return Infinity;
  }
}
