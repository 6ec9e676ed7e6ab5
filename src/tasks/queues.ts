import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { QueueControl } from '../dispatch/index.js';
import { type ProcessRecord, RollCall } from '../fleet/index.js';
import { UnavailableError } from '../foundation/index.js';
import { JobRegistry } from '../jobs/index.js';
import { type QueueCounts, type QueueState, QueueStates, ReadTasks } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';
import { UnknownQueueError } from './task-errors.js';

/** PROTOCOL `Queue`. Instants ISO, durations ms; `workers` and `slots` are null while Redis, which knows them, is away. */
export interface QueueView {
  readonly name: string;
  readonly paused: boolean;
  readonly pausedBy: string | null;
  readonly pausedAt: string | null;
  /** Due and waiting. */
  readonly backlog: number;
  /** Age of the oldest waiting task, ms; 0 if none waits. */
  readonly latency: number;
  readonly running: number;
  readonly scheduled: number;
  readonly retrying: number;
  /** Live workers that serve it. */
  readonly workers: number | null;
  readonly slots: number | null;
  /** QUEUE_LIMITS; null: none. */
  readonly limit: number | null;
}

/** The queues as people read and steer them. */
@Injectable()
export class Queues {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly jobs: JobRegistry,
    private readonly reads: ReadTasks,
    private readonly states: QueueStates,
    private readonly rollCall: RollCall,
    private readonly control: QueueControl,
    private readonly telemetry: Telemetry,
  ) {}

  /** Every queue that a setting, a job, a task, a worker or a pause names; by name. */
  async list(): Promise<QueueView[]> {
    const [counts, states, workers] = await Promise.all([
      this.reads.queueCounts(),
      this.states.all(),
      this.workers(),
    ]);
    const names = new Set([
      ...this.configured(),
      ...counts.map((each) => each.queue),
      ...states.map((each) => each.queue),
      ...(workers ?? []).flatMap((worker) => worker.queues),
    ]);
    return [...names].sort().map((name) =>
      viewOf(name, {
        counts: counts.find((each) => each.queue === name),
        state: states.find((each) => each.queue === name),
        workers: workers?.filter((worker) => worker.queues.includes(name)) ?? null,
        limit: this.settings.queueLimits.get(name) ?? null,
      }),
    );
  }

  /** Throws `UnknownQueueError`. */
  async get(name: string): Promise<QueueView> {
    const queues = await this.list();
    const found = queues.find((queue) => queue.name === name);
    if (found === undefined) throw new UnknownQueueError(name);
    return found;
  }

  /** Nothing of the queue starts any more, anywhere; what runs goes on, enqueuing goes on. Twice is the same as once. */
  async pause(name: string, by: string): Promise<QueueView> {
    const wasPaused = await this.isPaused(name);
    await this.states.pause(name, by); // the truth first: a refill of Redis restores it
    await this.control.pause(name);
    if (!wasPaused) this.telemetry.emit('queue.paused', { queue: name, by });
    return this.get(name);
  }

  async resume(name: string, by: string): Promise<QueueView> {
    const wasPaused = await this.isPaused(name);
    await this.states.resume(name);
    await this.control.resume(name);
    if (wasPaused) this.telemetry.emit('queue.resumed', { queue: name, by });
    return this.get(name);
  }

  /**
   * Knows the same queues as `list`, but counts nothing: a pause must not wait for that while a million wait. Throws
   * `UnknownQueueError`.
   */
  async isPaused(name: string): Promise<boolean> {
    const state = (await this.states.all()).find((each) => each.queue === name);
    if (state !== undefined) return state.paused;
    const isKnown =
      this.configured().includes(name) ||
      (await this.reads.isLiveQueue(name)) ||
      (await this.workers())?.some((worker) => worker.queues.includes(name)) === true;
    if (!isKnown) throw new UnknownQueueError(name);
    return false;
  }

  private configured(): string[] {
    return [
      ...this.settings.lanes.flatMap((lane) => lane.queues),
      ...this.jobs.all().map((job) => job.queue),
      ...this.settings.queueLimits.keys(),
    ];
  }

  private async workers(): Promise<readonly ProcessRecord[] | null> {
    try {
      return (await this.rollCall.live()).filter((process) => process.roles.includes('worker'));
    } catch (error) {
      if (error instanceof UnavailableError) return null; // the ledger's part of the answer is worth having
      throw error;
    }
  }
}

interface Known {
  readonly counts: QueueCounts | undefined;
  readonly state: QueueState | undefined;
  readonly workers: readonly ProcessRecord[] | null;
  readonly limit: number | null;
}

function viewOf(name: string, { counts, state, workers, limit }: Known): QueueView {
  const oldest = counts?.oldestReadyAt ?? null;
  return {
    name,
    paused: state?.paused ?? false,
    pausedBy: state?.pausedBy ?? null,
    pausedAt: state?.pausedAt?.toISOString() ?? null,
    backlog: counts?.backlog ?? 0,
    latency: oldest === null ? 0 : Math.max(0, Date.now() - oldest.getTime()),
    running: counts?.running ?? 0,
    scheduled: counts?.scheduled ?? 0,
    retrying: counts?.retrying ?? 0,
    workers: workers?.length ?? null,
    slots: workers?.reduce((sum, worker) => sum + (worker.concurrency[name] ?? 0), 0) ?? null,
    limit,
  };
}
