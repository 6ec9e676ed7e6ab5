import type { ErrorJson } from './task-row.js';

/** Why a task failed for good: its job threw, ran out of time, or took its workers down with it. */
export type FailureKind = 'error' | 'timeout' | 'crashed';

/** OPEN: somebody should look. RETRIED: it runs again. RESOLVED: that retry finished. DISMISSED: closed by a person. */
export type FailedTaskState = 'OPEN' | 'RETRIED' | 'RESOLVED' | 'DISMISSED';

export const FAILED_TASK_STATES: readonly FailedTaskState[] = ['OPEN', 'RETRIED', 'RESOLVED', 'DISMISSED'];

/** A FailedTask as people read it: the view `failed_task_now`. */
export interface FailedTaskRow {
  readonly id: string;
  /** Grows with each FailedTask; a text, because it is a bigint. */
  readonly seq: string;
  readonly task: string;
  readonly job: string;
  readonly queue: string;
  readonly key: string | null;
  readonly kind: FailureKind;
  readonly fingerprint: string;
  readonly state: FailedTaskState;
  readonly closed: boolean;
  readonly error: ErrorJson | null;
  readonly retriedAs: string | null;
  readonly handledBy: string | null;
  readonly failedAt: Date;
}

/** What an admin did to a FailedTask. */
export interface AuditRow {
  readonly at: Date;
  readonly who: string;
  readonly action: 'retry' | 'dismiss';
  readonly reason: string | null;
}

/** FailedTasks of one fingerprint. */
export interface FailureGroupRow {
  readonly fingerprint: string;
  readonly job: string;
  readonly queue: string;
  readonly kind: FailureKind;
  readonly message: string;
  readonly open: number;
  readonly total: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  /** Id of the newest FailedTask. */
  readonly latest: string;
  /** Its `seq`: the key of the page. */
  readonly seq: string;
}

/** Which FailedTasks; what is left out does not restrict. */
export interface FailedTaskFilter {
  readonly state?: FailedTaskState | undefined;
  readonly job?: string | undefined;
  readonly queue?: string | undefined;
  readonly key?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** Failed at or after, and at or before. */
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}
