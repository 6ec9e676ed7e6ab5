import { Inject, Injectable } from '@nestjs/common';
import { queueNames, SETTINGS, type Settings } from '../config/index.js';
import { Consumers, type Consumer } from '../dispatch/index.js';
import { Heartbeat, type ProcessPart } from '../fleet/index.js';
import { inTime, pause, type Deadline } from '../foundation/index.js';
import { JobRegistry } from '../jobs/index.js';
import { CancelTasks, Executions } from '../ledger/index.js';
import { Drainables, DRAIN_ORDER, type BusyWith, type Drainable } from '../lifecycle/index.js';
import { RedisClients } from '../redis/index.js';
import { LostClaims } from './lost-claims.js';
import { RunningTasks } from './running-tasks.js';
import { TaskRunner } from './task-runner.js';
import { UnknownJobs } from './unknown-jobs.js';

/** A signalled job has this share of the time that is left; then it is handed over as it stands. */
const ANSWER_SHARE = 0.6;

/** Executes jobs: one consumer per lane of QUEUES, and the orders that the process gets. */
@Injectable()
export class Worker implements Drainable {
  readonly name = 'worker';
  readonly role = 'worker';
  readonly order = DRAIN_ORDER.worker;
  private readonly lanes: Consumer[] = [];
  private stopListening: (() => Promise<void>)[] = [];

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly consumers: Consumers,
    private readonly runner: TaskRunner,
    private readonly running: RunningTasks,
    private readonly executions: Executions,
    private readonly cancels: CancelTasks,
    private readonly lost: LostClaims,
    private readonly unknown: UnknownJobs,
    private readonly jobs: JobRegistry,
    private readonly heartbeat: Heartbeat,
    private readonly redis: RedisClients,
    drainables: Drainables,
  ) {
    drainables.signIn(this);
  }

  /** What this process serves, for its record: said before its first beat. */
  announce(): void {
    const concurrency = Object.fromEntries(
      this.settings.lanes.flatMap((lane) => lane.queues.map((queue) => [queue, lane.slots])),
    );
    this.heartbeat.set({
      queues: queueNames(this.settings.lanes),
      concurrency,
      jobs: this.jobs.all().map((job) => job.name),
    });
    this.heartbeat.observe(() => this.part());
  }

  /** Begins to work. The process must be on the roll, and must have obeyed the wishes that stand. */
  async start(isQuiet: boolean): Promise<void> {
    this.heartbeat.onPresumedDead(() => {
      this.running.interrupt('presumed-dead');
    });
    // Before anything is waited for: an order that comes meanwhile must find the lanes.
    for (const lane of this.settings.lanes)
      this.lanes.push(this.consumers.open(lane, (deliveries) => this.runner.start(deliveries)));
    if (!isQuiet) for (const lane of this.lanes) lane.start();
    const { subscriber, keys } = this.redis;
    this.stopListening = [
      await subscriber.subscribe(
        keys.channel('cancel'),
        (ids) => {
          this.running.cancel(ids.split(','));
        },
        () => void this.lookForCancels(),
      ),
    ];
    this.lost.start();
    await this.unknown.start();
  }

  async quiet(): Promise<void> {
    this.runner.goQuiet();
    await Promise.all(this.lanes.map((lane) => lane.quiet()));
  }

  resume(): Promise<void> {
    this.runner.goOn();
    for (const lane of this.lanes) lane.resume();
    return Promise.resolve();
  }

  busy(): readonly BusyWith[] {
    return this.running.unfinished();
  }

  pending(): number {
    return (
      this.executions.unrecorded +
      this.lanes.reduce((sum, lane) => sum + lane.ahead, 0) +
      this.consumers.unrecorded
    );
  }

  async untilIdle(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.untilIdle()));
    await this.executions.flush();
    await this.running.untilRecorded(); // a lane whose entries Redis does not take is idle while the ledger is still asked
  }

  /** Signals fire; a job that does not answer is handed over as it stands. Resolves when every run has its end. */
  async interrupt(why: string, deadline: Deadline): Promise<void> {
    this.runner.stopStarting();
    this.running.interrupt(why);
    const answered = new AbortController();
    void this.untilIdle().then(() => {
      answered.abort();
    });
    await pause(deadline.remainingMs * ANSWER_SHARE, answered.signal);
    this.running.overrule(why);
    await this.untilRecorded(deadline);
  }

  async flush(deadline: Deadline): Promise<void> {
    this.runner.stopStarting();
    await this.untilRecorded(deadline);
    await Promise.all(this.lanes.map((lane) => inTime(lane.stop(), deadline.remainingMs)));
    for (const stop of this.stopListening) await stop();
    await inTime(Promise.all([this.lost.stop(), this.unknown.stop()]), deadline.remainingMs);
    const { unrecordedCount } = this.running;
    if (unrecordedCount > 0)
      throw new Error(
        `PostgreSQL has not taken ${String(unrecordedCount)} outcomes before the grace was over`,
      );
  }

  private async untilRecorded(deadline: Deadline): Promise<void> {
    await inTime(this.running.untilRecorded(), deadline.remainingMs);
  }

  private part(): ProcessPart {
    return {
      running: this.running.busy(),
      unrecorded: this.executions.unrecorded,
      fetches: this.lanes.reduce((sum, lane) => sum + lane.fetches, 0),
    };
  }

  // Messages said while Redis was away are lost; the request itself stands in the row.
  private async lookForCancels(): Promise<void> {
    const ids = this.running.ids();
    if (ids.length === 0) return;
    const asked = await this.cancels.requestedOf(ids).catch(() => []); // away: the next write of the run is told
    this.running.cancel(asked);
  }
}
