import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { monotonicMs, SECOND, withTimeout } from '../foundation/index.js';
import { RollCall } from '../fleet/index.js';
import { ReadTasks } from '../ledger/index.js';
import { BacklogFullError, NoWorkerError, WorkersUnknownError } from './task-errors.js';

/** Something the caller should know although the task was accepted. */
export interface EnqueueWarning {
  readonly code: 'no-worker';
  readonly message: string;
}

interface Known {
  /** When the ledger was asked last. */
  atMs: number;
  /** What it counted. */
  waiting: number;
  /** How many tasks had been settled when it was asked: of those it knew. What was taken since, it may have missed. */
  counted: number;
  /** Tasks for which room was taken, ever. */
  taken: number;
  /** Of these, those that are accepted, or will not be. */
  settled: number;
}

/** A count of the ledger is believed this long; what we accept meanwhile, and what it cannot know of yet, is added to it. */
const BELIEVED_MS = SECOND;
/** Callers of one moment get the same warnings: asking is a timer and several promises. */
const SAME_ANSWER_MS = 100;
/** Nobody waits longer than this for a warning. */
const WARNING_LIMIT_MS = 200;

/**
 * Holds a queue's backlog under its limit, and knows whether anybody works on it. The count of waiting tasks is asked of
 * the ledger at most once a second and queue while there is room, and at every refusal, so a refusal is never stale; what is
 * just being accepted has its room. Several webs may together exceed the limit by what they accept within that second.
 */
@Injectable()
export class BacklogGuard {
  private readonly known = new Map<string, Known>();
  private readonly refreshing = new Map<string, Promise<void>>();
  private readonly told = new Map<string, { atMs: number; warnings: Promise<readonly EnqueueWarning[]> }>();
  private readonly listeners = new Set<(queue: string, limit: number) => void>();

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly tasks: ReadTasks,
    private readonly roll: RollCall,
  ) {}

  /** Takes room for `count` tasks, until they are `settled`, if it is known that there is some; else ask `takeRoom`. */
  tookRoom(queue: string, count: number): boolean {
    const limit = this.settings.queueLimits.get(queue);
    return limit === undefined || this.tryTake(queue, count, limit);
  }

  /** Takes room for `count` tasks, until they are `settled`. Throws `BacklogFullError`; then nothing was taken. */
  async takeRoom(queue: string, count: number): Promise<void> {
    const limit = this.settings.queueLimits.get(queue);
    if (limit === undefined || this.tryTake(queue, count, limit)) return;
    await this.refreshed(queue, limit);
    if (this.tryTake(queue, count, limit)) return;
    for (const listener of this.listeners) listener(queue, limit);
    throw new BacklogFullError(queue, limit, RETRY_AFTER_MS);
  }

  /** Tasks for which room was taken are accepted, and the ledger counts them from now on; or they are not, and never will be. */
  settled(queue: string, count: number): void {
    const known = this.known.get(queue);
    if (known !== undefined) known.settled += count;
  }

  /** Calls `listener` at each refusal: the admins hear of it. Answers the way to stop. */
  onFull(listener: (queue: string, limit: number) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Throws `NoWorkerError` when no live worker serves the queue, `WorkersUnknownError` when nobody can tell. */
  async requireWorker(queue: string): Promise<void> {
    const workers = await this.roll.workersOf(queue).catch((error: unknown) => {
      throw new WorkersUnknownError(error);
    });
    if (workers === 0) throw new NoWorkerError(queue);
  }

  /**
   * What the caller should know, at most a moment old. Never fails and never takes longer than 200 ms: without an answer
   * there is no warning.
   */
  warnings(queue: string): Promise<readonly EnqueueWarning[]> {
    const now = monotonicMs();
    const told = this.told.get(queue);
    if (told !== undefined && now - told.atMs < SAME_ANSWER_MS) return told.warnings;
    const warnings = this.askForWarnings(queue);
    this.told.set(queue, { atMs: now, warnings });
    return warnings;
  }

  private async askForWarnings(queue: string): Promise<readonly EnqueueWarning[]> {
    try {
      const workers = await withTimeout(
        this.roll.workersOf(queue),
        WARNING_LIMIT_MS,
        () => new Error('no answer in time'),
      );
      return workers > 0
        ? []
        : [
            {
              code: 'no-worker',
              message: `No live worker serves the queue "${queue}"; the task waits until one does.`,
            },
          ];
    } catch {
      return []; // Redis is away: nobody knows, and the task is accepted all the same
    }
  }

  private tryTake(queue: string, count: number, limit: number): boolean {
    const known = this.known.get(queue);
    if (known === undefined || monotonicMs() - known.atMs > BELIEVED_MS) return false;
    if (known.waiting + known.taken - known.counted + count > limit) return false;
    known.taken += count;
    return true;
  }

  // Everybody who finds the count too old waits for the same new one.
  private async refreshed(queue: string, limit: number): Promise<void> {
    const refreshing = this.refreshing.get(queue) ?? this.refresh(queue, limit);
    this.refreshing.set(queue, refreshing);
    await refreshing;
  }

  private async refresh(queue: string, limit: number): Promise<void> {
    const { taken, settled } = this.known.get(queue) ?? { taken: 0, settled: 0 };
    try {
      const waiting = await this.tasks.waitingCount(queue, limit + 1);
      const now = this.known.get(queue) ?? { taken, settled };
      this.known.set(queue, { ...now, atMs: monotonicMs(), waiting, counted: settled });
    } finally {
      this.refreshing.delete(queue);
    }
  }
}

/** By then a worker has usually made room; short enough that a client that obeys loses little. */
const RETRY_AFTER_MS = 5 * SECOND;
