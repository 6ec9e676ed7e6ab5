import type { Delivery } from '../dispatch/index.js';
import {
  deferred,
  monotonicMs,
  SECOND,
  storableText,
  toJsonText,
  truncateBytes,
  byteLength,
  ShiftworkError,
} from '../foundation/index.js';
import {
  TaskCancelled,
  TaskInterrupted,
  type JobDefinition,
  type TaskContext,
  type TaskTimedOut,
} from '../jobs/index.js';
import type { LogLevel, Started } from '../ledger/index.js';
import type { BusyWith } from '../lifecycle/index.js';
import type { EntityManager } from 'typeorm';
import type { Ending } from './outcome.js';

/** Bytes of a checkpoint, of a line (PROTOCOL: sizes), and of a progress message. */
const CHECKPOINT_MAX_BYTES = 65_536;
const LINE_MAX_BYTES = 8_192;
const MESSAGE_MAX_BYTES = 1_024;

/** A job that does not react to its signal is given up after this long (PROTOCOL interleaving 18). */
export const DEAF_MS = 30 * SECOND;

/** What a run writes besides its outcome; see `RunWrites`. */
export interface Writes {
  note(task: RunningTask, percent: number, message: string | null): void;
  checkpoint(task: RunningTask, stateText: string, transaction: EntityManager | undefined): Promise<void>;
  finish(task: RunningTask, result: unknown, transaction: EntityManager): Promise<void>;
  log(task: RunningTask, message: string, level: LogLevel): void;
}

/** A checkpoint that the ledger would not keep. Thrown into the job: an ordinary error of its attempt. */
export class CheckpointTooLargeError extends ShiftworkError {
  readonly code = 'checkpoint-too-large';
  constructor(bytes: number) {
    super(
      `The checkpoint has ${String(bytes)} bytes of JSON; ${String(CHECKPOINT_MAX_BYTES)} are kept. Save where to resume from, not the data.`,
      { bytes },
    );
  }
}

/**
 * One execution while it runs: what the job sees of it (`TaskContext`), and how others may end it.
 *
 * It has one end, decided in memory, once (PROTOCOL interleaving 14): the first of the handler's settling, the timeout, and
 * an overruling by cancel or shutdown wins; everything later changes nothing.
 */
export class RunningTask implements TaskContext<unknown> {
  readonly since = new Date();
  readonly lastCheckpoint: unknown;
  /** Settles once, with how the run ended. Never rejects. */
  readonly ended = deferred<Ending>();
  readonly sinceMonotonicMs = monotonicMs();
  /** Kept by `RunningTasks`. */
  place = -1;
  isRunning = false;
  isRecorded = false;
  /** It wrote its row in a transaction of the job's, which may still be open when `run` returns. */
  wroteInTransaction = false;
  /** It wrote its outcome there: once that is committed, there is nothing left to note. */
  wroteOutcome = false;
  private hasEnded = false;
  private cancelling: NodeJS.Timeout | undefined;
  private controller: AbortController | undefined;
  private hasCheckpoint = false;
  private overruled: (() => void) | undefined;

  constructor(
    readonly delivery: Delivery,
    readonly started: Started,
    readonly definition: JobDefinition,
    private readonly writes: Writes,
    private readonly mustHandOver: () => boolean,
  ) {
    this.lastCheckpoint = started.checkpoint;
  }

  // ── what the job sees ──

  get id(): string {
    return this.delivery.taskId;
  }

  get job(): string {
    return this.delivery.job;
  }

  get queue(): string {
    return this.delivery.queue;
  }

  get attempt(): number {
    return this.started.attemptsMade + 1;
  }

  get execution(): number {
    return this.started.execution;
  }

  // Made when first asked for: most short jobs never look at it.
  get signal(): AbortSignal {
    return (this.controller ??= new AbortController()).signal;
  }

  progress(percent: number, message?: string): Promise<void> {
    const noted = this.noteProgress(percent, message);
    // Who does not wait for it is not handed over here. Unheard, its rejection would end the process with all that runs in it.
    noted.catch(() => undefined);
    return noted;
  }

  async checkpoint(state: unknown, options: { transaction?: EntityManager } = {}): Promise<void> {
    const text = toJsonText(state);
    const bytes = byteLength(text);
    if (bytes > CHECKPOINT_MAX_BYTES) throw new CheckpointTooLargeError(bytes);
    const { transaction } = options;
    // Inside a transaction the new state is not committed yet, so only an earlier one can be handed over.
    if (transaction !== undefined && this.hasCheckpoint) await this.handOverIfDue();
    if (transaction !== undefined) this.wroteInTransaction = true;
    await this.writes.checkpoint(this, text, transaction);
    this.hasCheckpoint = true;
    if (transaction === undefined) await this.handOverIfDue();
  }

  async finish(result: unknown, options: { transaction: EntityManager }): Promise<void> {
    this.wroteInTransaction = true;
    // Committed, it stays so, whatever `run` returns or throws: the row has its end (rule 6). Rolled back, `run` has the last word.
    await this.writes.finish(this, result, options.transaction);
    this.wroteOutcome = true;
  }

  log(message: string, level: LogLevel = 'info'): void {
    this.writes.log(this, truncateBytes(storableText(message), LINE_MAX_BYTES), level);
  }

  // ── how others see it ──

  get claim(): string {
    return this.delivery.claim;
  }

  get busyWith(): BusyWith {
    return { task: this.id, job: this.job, queue: this.queue, since: this.since.toISOString() };
  }

  /** Why the signal fired, if it did. */
  get signalled(): unknown {
    const reason: unknown =
      this.controller?.signal.aborted === true ? this.controller.signal.reason : undefined;
    return reason;
  }

  /** Tells the job to stop. The first reason stays. */
  interrupt(reason: TaskCancelled | TaskTimedOut | TaskInterrupted): void {
    if (this.hasEnded) return;
    this.controller ??= new AbortController();
    if (this.controller.signal.aborted) return;
    this.controller.abort(reason);
    // A job that is deaf to its cancelling is CANCELLED all the same; whatever it does later is not recorded.
    if (reason instanceof TaskCancelled)
      this.cancelling = setTimeout(() => {
        this.end({ kind: 'overruled', by: reason });
      }, DEAF_MS);
  }

  /** The first ending counts. Answers whether it was this one. */
  end(ending: Ending): boolean {
    if (this.hasEnded) return false;
    this.hasEnded = true;
    clearTimeout(this.cancelling);
    this.ended.resolve(ending);
    if (ending.kind === 'overruled') this.overruled?.();
    return true;
  }

  /** Calls `listener` if the end comes over the handler's head. */
  onOverruled(listener: () => void): void {
    this.overruled = listener;
  }

  private noteProgress(percent: number, message?: string): Promise<void> {
    if (!Number.isFinite(percent))
      return Promise.reject(
        new TypeError(`progress() takes a percentage from 0 to 100, not ${String(percent)}`),
      );
    this.writes.note(
      this,
      Math.min(100, Math.max(0, percent)),
      message === undefined ? null : truncateBytes(storableText(message), MESSAGE_MAX_BYTES),
    );
    return this.hasCheckpoint ? this.handOverIfDue() : Promise.resolve();
  }

  // While the process goes quiet, a saved checkpoint is the place to stop: another worker goes on from it.
  private handOverIfDue(): Promise<void> {
    return this.mustHandOver()
      ? Promise.reject(new TaskInterrupted('the process is going quiet'))
      : Promise.resolve();
  }
}
