import { Injectable } from '@nestjs/common';
import { redactSecrets } from '../jobs/index.js';
import {
  type ErrorJson,
  type FailedTaskRow,
  type FailedTaskState,
  type FailureGroupRow,
  type FailureKind,
  ReadFailedTasks,
  ReadTasks,
} from '../ledger/index.js';
import { type ExecutionView, executionView } from '../tasks/index.js';

/** A FailedTask in a list: PROTOCOL `FailedTask` without attempts, payload and audit. */
export interface FailedTaskView {
  readonly id: string;
  /** Id of the task that failed. */
  readonly task: string;
  readonly job: string;
  readonly queue: string;
  readonly key: string | null;
  readonly state: FailedTaskState;
  readonly kind: FailureKind;
  readonly fingerprint: string;
  readonly error: ErrorJson;
  /** Id of the task that runs its work again. */
  readonly retriedAs: string | null;
  /** Class of the failure handler that took care of it, so that the admins were not told. */
  readonly handledBy: string | null;
  readonly failedAt: string;
}

/** One FailedTask with everything that is known of it. */
export interface FailedTaskDetails extends FailedTaskView {
  /** Every execution, oldest first. */
  readonly attempts: readonly ExecutionView[];
  /** Secret fields are replaced by `[secret]`. */
  readonly payload: unknown;
  readonly audit: readonly {
    readonly at: string;
    readonly who: string;
    readonly action: string;
    readonly reason: string | null;
  }[];
}

/** FailedTasks of one cause: PROTOCOL `Group`. */
export interface FailureGroupView {
  readonly fingerprint: string;
  readonly job: string;
  readonly queue: string;
  readonly kind: FailureKind;
  readonly message: string;
  readonly open: number;
  readonly total: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly latest: string;
}

/** Rows → what people read. */
@Injectable()
export class FailedTaskViews {
  constructor(
    private readonly reads: ReadFailedTasks,
    private readonly tasks: ReadTasks,
  ) {}

  async details(row: FailedTaskRow): Promise<FailedTaskDetails> {
    const [executions, { payload, secretPaths }, audit] = await Promise.all([
      this.tasks.executions(row.task),
      this.reads.payloadOf(row.task),
      this.reads.audit(row.id),
    ]);
    return {
      ...failedTaskView(row),
      attempts: executions.map(executionView),
      payload: redactSecrets(payload, secretPaths),
      audit: audit.map((entry) => ({ ...entry, at: entry.at.toISOString() })),
    };
  }
}

export function failedTaskView(row: FailedTaskRow): FailedTaskView {
  const { id, task, job, queue, key, state, kind, fingerprint, retriedAs, handledBy } = row;
  const failedAt = row.failedAt.toISOString();
  const error = row.error ?? {
    name: 'Error',
    message: 'no error was recorded',
    code: null,
    stack: null,
    at: failedAt,
  };
  return { id, task, job, queue, key, state, kind, fingerprint, error, retriedAs, handledBy, failedAt };
}

export function failureGroupView(row: FailureGroupRow): FailureGroupView {
  const { fingerprint, job, queue, kind, message, open, total, latest } = row;
  return {
    fingerprint,
    job,
    queue,
    kind,
    message,
    open,
    total,
    firstAt: row.firstAt.toISOString(),
    lastAt: row.lastAt.toISOString(),
    latest,
  };
}
