import { Injectable } from '@nestjs/common';
import {
  decodeCursor,
  encodeCursor,
  isId,
  newId,
  pageOf,
  type JsonValue,
  type Page,
} from '../foundation/index.js';
import { Relay } from '../dispatch/index.js';
import type { EnqueuePayload, JobClass } from '../jobs/index.js';
import {
  ReadTasks,
  WaitingMoves,
  isFinal,
  type NewTask,
  type TaskFilter,
  type TaskRow,
} from '../ledger/index.js';
import { Cancel, type Cancelled } from './cancel.js';
import type { EnqueueOptions } from './enqueue-options.js';
import { Enqueue, type EnqueuedMany, type EnqueuedTask } from './enqueue.js';
import { FollowTask, type TaskEvent } from './follow-task.js';
import { AlreadyFinalError, IllegalMoveError, TaskNotFoundError } from './task-errors.js';
import { TaskFeed } from './task-feed.js';
import { TaskViews, type TaskView, type TaskWithExecutions } from './task-view.js';

/** A line written by `task.log()`. */
export interface LogView {
  readonly at: string;
  readonly level: string;
  readonly message: string;
  readonly execution: number;
}

/**
 * The front desk: all that may be done to a task from outside of its run. Inject it anywhere; REST and the command line
 * use nothing else. Everything throws `LedgerUnavailableError` while PostgreSQL is away.
 */
@Injectable()
export class Tasks {
  constructor(
    private readonly enqueuing: Enqueue,
    private readonly cancelling: Cancel,
    private readonly following: FollowTask,
    private readonly reads: ReadTasks,
    private readonly moves: WaitingMoves,
    private readonly views: TaskViews,
    private readonly relay: Relay,
    private readonly feed: TaskFeed,
  ) {}

  /**
   * Accepts one task. When it resolves the task is committed (or will be, with `options.transaction`) and cannot be lost.
   * Payload and result types flow from the class; a name takes any payload, checked against the job's schema.
   * Throws `UnknownJobError`, `InvalidPayloadError`, `InvalidOptionsError`, `PayloadTooLargeError`, `BacklogFullError`,
   * `NoWorkerError`, `IdempotencyKeyReusedError`, `KeyInFlightError`.
   */
  enqueue<J extends JobClass>(
    job: J,
    payload: EnqueuePayload<J>,
    options?: EnqueueOptions,
  ): Promise<EnqueuedTask>;
  enqueue(job: string, payload: unknown, options?: EnqueueOptions): Promise<EnqueuedTask>;
  enqueue(job: string | JobClass, payload: unknown, options?: EnqueueOptions): Promise<EnqueuedTask> {
    return this.enqueuing.one(job, payload, options);
  }

  /** Accepts many payloads of one job in one transaction: all or nothing. `ids` in the order of the payloads. */
  enqueueMany<J extends JobClass>(
    job: J,
    payloads: readonly EnqueuePayload<J>[],
    options?: EnqueueOptions,
  ): Promise<EnqueuedMany>;
  enqueueMany(job: string, payloads: readonly unknown[], options?: EnqueueOptions): Promise<EnqueuedMany>;
  enqueueMany(
    job: string | JobClass,
    payloads: readonly unknown[],
    options?: EnqueueOptions,
  ): Promise<EnqueuedMany> {
    return this.enqueuing.many(job, payloads, options);
  }

  /** The task with its executions. Throws `TaskNotFoundError`. */
  async get(id: string): Promise<TaskWithExecutions> {
    return this.views.withExecutions(await this.row(id));
  }

  /** Newest first; `limit` 1 to 200. Throws `BadCursorError`. */
  async list(filter: TaskFilter = {}, limit = 50, cursor: string | null = null): Promise<Page<TaskView>> {
    const before =
      cursor === null
        ? null
        : String(decodeCursor(cursor, 1, (part) => typeof part === 'string' && isId(part))[0]);
    const rows = await this.reads.page(filter, limit + 1, before);
    const items = await this.views.many(rows.slice(0, limit));
    const last = items.at(-1);
    return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.id]) : null };
  }

  /** Oldest first. Throws `TaskNotFoundError`, `BadCursorError`. */
  async logs(id: string, limit = 50, cursor: string | null = null): Promise<Page<LogView>> {
    await this.row(id);
    const after =
      cursor === null
        ? null
        : String(decodeCursor(cursor, 1, (part) => typeof part === 'string' && /^\d{1,18}$/.test(part))[0]);
    const rows = await this.reads.logs(id, limit + 1, after);
    return pageOf(
      rows,
      limit,
      ({ at, level, message, execution }): LogView => ({ at: at.toISOString(), level, message, execution }),
      (row) => [row.seq],
    );
  }

  /** A waiting task is CANCELLED at once; a running one gets its signal. Throws `TaskNotFoundError`, `AlreadyFinalError`. */
  async cancel(id: string): Promise<Cancelled> {
    this.assertId(id);
    return this.cancelling.one(id);
  }

  /** Cancels everything that matches and has not ended; answers how many tasks that were. */
  cancelMany(filter: TaskFilter): Promise<number> {
    return this.cancelling.many(filter);
  }

  /** A new task with the same job, payload and options as one that has ended. Throws `TaskNotFoundError`, `IllegalMoveError`. */
  async again(id: string): Promise<EnqueuedTask> {
    const row = await this.row(id);
    if (!isFinal(row.status))
      throw new IllegalMoveError(id, row.status, 'enqueued again before it has ended');
    return this.enqueuing.again(newId(), copyOf(row), row.payload);
  }

  /** A SCHEDULED or RETRYING task runs now. Throws `TaskNotFoundError`, `AlreadyFinalError`, `IllegalMoveError`. */
  async promote(id: string): Promise<TaskView> {
    const row = await this.row(id);
    if (!(await this.moves.promote(id))) {
      if (isFinal(row.status)) throw new AlreadyFinalError(id, row.status, 'promoted');
      throw new IllegalMoveError(
        id,
        row.status,
        'promoted; only SCHEDULED and RETRYING tasks wait for their time',
      );
    }
    this.feed.tellChanged(id);
    await this.relay.dispatch([id]);
    return this.views.one(await this.row(id));
  }

  /** The present state, then each change, progress and log line, until the task has ended or the signal aborts. */
  follow(id: string, signal?: AbortSignal): AsyncGenerator<TaskEvent, void, undefined> {
    this.assertId(id);
    return this.following.follow(id, signal);
  }

  /** The task once it has ended, or as it is after `ms`. */
  async waitForEnd(id: string, ms: number, signal?: AbortSignal): Promise<TaskWithExecutions> {
    this.assertId(id);
    return this.views.withExecutions(await this.following.untilEnd(id, ms, signal));
  }

  private async row(id: string): Promise<TaskRow> {
    this.assertId(id);
    const row = await this.reads.byId(id);
    if (row === null) throw new TaskNotFoundError(id);
    return row;
  }

  private assertId(id: string): void {
    if (!isId(id)) throw new TaskNotFoundError(id);
  }
}

function copyOf(row: TaskRow): Omit<NewTask, 'id'> {
  return {
    job: row.job,
    queue: row.queue,
    payloadText: JSON.stringify(row.payload satisfies JsonValue),
    priority: row.priority,
    key: row.key,
    idempotencyKey: null,
    requestHash: null,
    attemptsMax: row.attemptsMax,
    timeoutMs: row.timeoutMs,
    backoff: row.backoff,
    onWorkerLost: row.onWorkerLost,
    dueAt: null,
    retryOf: null,
  };
}
