import type { Backoff, JsonValue } from '../foundation/index.js';
import type { TaskStatus } from './task-status.js';

/** An error as it is kept: PROTOCOL `Error`. `stack` at most 16 KiB. */
export interface ErrorJson {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly stack: string | null;
  /** ISO instant. */
  readonly at: string;
}

/** Of a run whose process died, or had to go, under it. */
export function crashed(message: string, at: Date): ErrorJson {
  return { name: 'CrashedError', message, code: 'crashed', stack: null, at: at.toISOString() };
}

/** A task as the ledger has it now. */
export interface TaskRow {
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  readonly status: TaskStatus;
  readonly payload: JsonValue;
  readonly priority: number | null;
  readonly key: string | null;
  readonly idempotencyKey: string | null;
  readonly requestHash: string | null;
  readonly attemptsMax: number;
  readonly attemptsMade: number;
  readonly timeoutMs: number | null;
  readonly backoff: Backoff;
  readonly onWorkerLost: 'rerun' | 'fail';
  readonly interruptions: number;
  readonly crashes: number;
  readonly execution: number;
  readonly progressPercent: number;
  readonly progressMessage: string | null;
  readonly checkpoint: JsonValue;
  readonly result: JsonValue;
  readonly error: ErrorJson | null;
  readonly createdAt: Date;
  readonly runAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly worker: string | null;
  readonly retryOf: string | null;
  readonly cancelRequestedAt: Date | null;
  readonly version: number;
}

export type ExecutionOutcome =
  'finished' | 'error' | 'timeout' | 'crashed' | 'interrupted' | 'cancelled' | 'snoozed';

/** One execution in a task's history: PROTOCOL `Execution`. */
export interface ExecutionRow {
  readonly number: number;
  readonly outcome: ExecutionOutcome;
  readonly worker: string | null;
  readonly release: string | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date;
  readonly error: ErrorJson | null;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line written by `task.log()`. */
export interface LogRow {
  readonly seq: string;
  readonly at: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly execution: number;
}
