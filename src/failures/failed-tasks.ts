import { Injectable } from '@nestjs/common';
import { type Page, decodeCursor, isId, pageOf } from '../foundation/index.js';
import {
  DismissFailedTasks,
  type FailedTaskFilter,
  type FailedTaskRow,
  ReadFailedTasks,
} from '../ledger/index.js';
import { type TaskWithExecutions, Tasks } from '../tasks/index.js';
import { Telemetry } from '../telemetry/index.js';
import { FailedTaskNotFoundError } from './failed-task-errors.js';
import {
  type FailedTaskDetails,
  type FailedTaskView,
  FailedTaskViews,
  type FailureGroupView,
  failedTaskView,
  failureGroupView,
} from './failed-task-view.js';
import { RetryMany } from './retry-many.js';
import { RetryOne } from './retry-one.js';

export interface RetryOptions {
  /** Another payload, checked like a new one. `[secret]` where the old one had a secret keeps that secret. */
  readonly payload?: unknown;
  /** Who asked, for the audit. */
  readonly by: string;
}

export interface DismissOptions {
  readonly reason?: string | undefined;
  readonly by: string;
}

/** What a retry answers. */
export interface RetryAnswer {
  readonly failedTask: FailedTaskDetails;
  /** The task that runs the work again. */
  readonly task: TaskWithExecutions;
  /** False: it had been retried before; this is that task. */
  readonly isNew: boolean;
}

/**
 * Everything that may be done about failures: find them, run them again, put them aside. Inject it anywhere; REST and the
 * command line use nothing else. Everything throws `LedgerUnavailableError` while PostgreSQL is away.
 */
@Injectable()
export class FailedTasks {
  constructor(
    private readonly reads: ReadFailedTasks,
    private readonly views: FailedTaskViews,
    private readonly retryOne: RetryOne,
    private readonly retryAll: RetryMany,
    private readonly dismissals: DismissFailedTasks,
    private readonly tasks: Tasks,
    private readonly telemetry: Telemetry,
  ) {}

  /** Open ones first, the newest of each first. `limit` 1 to 200. Throws `BadCursorError`. */
  async list(
    filter: FailedTaskFilter = {},
    limit = 50,
    cursor: string | null = null,
  ): Promise<Page<FailedTaskView>> {
    const [closed, seq] =
      cursor === null
        ? []
        : decodeCursor(cursor, 2, (part, i) => (i === 0 ? part === 0 || part === 1 : isSeq(part)));
    const after = seq === undefined ? null : { closed: closed === 1, seq: String(seq) };
    const rows = await this.reads.page(filter, limit + 1, after);
    return pageOf(rows, limit, failedTaskView, (row) => [row.closed ? 1 : 0, row.seq]);
  }

  /** One entry per fingerprint, the one that failed last first. `limit` 1 to 200. Throws `BadCursorError`. */
  async groups(
    filter: FailedTaskFilter = {},
    limit = 50,
    cursor: string | null = null,
  ): Promise<Page<FailureGroupView>> {
    const before = cursor === null ? null : String(decodeCursor(cursor, 1, isSeq)[0]);
    const rows = await this.reads.groups(filter, limit + 1, before);
    return pageOf(rows, limit, failureGroupView, (row) => [row.seq]);
  }

  /** With every attempt, the payload and the audit. Throws `FailedTaskNotFoundError`. */
  async get(id: string): Promise<FailedTaskDetails> {
    return this.views.details(await this.row(id));
  }

  /**
   * Runs the work again as a new task with the same options, linked to this FailedTask, which is RETRIED from then on and
   * RESOLVED once that task has finished. Asked twice, or a hundred times at once, it makes one task and answers it to all.
   * Throws `FailedTaskNotFoundError`, `FailedTaskDismissedError`, and for a payload what `Tasks.enqueue` throws.
   */
  async retry(id: string, options: RetryOptions): Promise<RetryAnswer> {
    const { task, isNew } = await this.retryOne.run(await this.row(id), options);
    if (isNew) this.telemetry.emit('failedTask.retried', { failedTask: id, taskId: task, by: options.by });
    const [failedTask, view] = await Promise.all([this.get(id), this.tasks.get(task)]);
    return { failedTask, task: view, isNew };
  }

  /**
   * Retries every open one that fits and has failed by now, as a task of the job `shiftwork.retry-failed`: what fails
   * again is not chased. Answers that task, whose progress counts them, and how many there are at this moment.
   */
  async retryMany(filter: FailedTaskFilter, by: string): Promise<{ task: string; matched: number }> {
    return this.retryAll.enqueue(filter, by);
  }

  /** Closes it for good, open or retried; again is the same as once. Throws `FailedTaskNotFoundError`. */
  async dismiss(id: string, { reason, by }: DismissOptions): Promise<FailedTaskDetails> {
    await this.row(id);
    if (await this.dismissals.dismissOne(id, by, reason ?? null))
      this.telemetry.emit('failedTask.dismissed', { failedTask: id, by });
    return this.get(id);
  }

  /** Dismisses every open one that fits; answers how many. */
  async dismissMany(filter: FailedTaskFilter, { reason, by }: DismissOptions): Promise<{ matched: number }> {
    const matched = await this.dismissals.dismissAll(filter, by, reason ?? null);
    if (matched > 0) this.telemetry.emit('failedTask.dismissedMany', { failedTasks: matched, by });
    return { matched };
  }

  private async row(id: string): Promise<FailedTaskRow> {
    const row = isId(id) ? await this.reads.byId(id) : null;
    if (row === null) throw new FailedTaskNotFoundError(id);
    return row;
  }
}

function isSeq(part: unknown): boolean {
  return typeof part === 'string' && /^\d{1,18}$/.test(part);
}
