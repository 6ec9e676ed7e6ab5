import { ViewColumn, ViewEntity } from 'typeorm';
import type { Backoff, JsonValue } from '../foundation/index.js';
import type { ErrorJson, TaskRow } from './task-row.js';
import type { TaskStatus } from './task-status.js';

const toNumber = { from: (value: unknown): number => Number(value), to: (value: unknown): unknown => value };

/** A task as people read it: the view `task_now` over `task` and `live`. Read only; writes are SQL, one file per verb. */
@ViewEntity({ name: 'task_now', synchronize: false, expression: 'SELECT 1' })
export class TaskNow implements TaskRow {
  @ViewColumn() id: string;
  @ViewColumn() job: string;
  @ViewColumn() queue: string;
  @ViewColumn() status: TaskStatus;
  @ViewColumn() payload: JsonValue;
  @ViewColumn() priority: number | null;
  @ViewColumn() key: string | null;
  @ViewColumn({ name: 'idempotency_key' }) idempotencyKey: string | null;
  @ViewColumn({ name: 'request_hash' }) requestHash: string | null;
  @ViewColumn({ name: 'attempts_max' }) attemptsMax: number;
  @ViewColumn({ name: 'attempts_made' }) attemptsMade: number;
  @ViewColumn({ name: 'timeout_ms' }) timeoutMs: number | null;
  @ViewColumn() backoff: Backoff;
  @ViewColumn({ name: 'on_worker_lost' }) onWorkerLost: 'rerun' | 'fail';
  @ViewColumn() interruptions: number;
  @ViewColumn() crashes: number;
  @ViewColumn() execution: number;
  @ViewColumn({ name: 'progress_percent' }) progressPercent: number;
  @ViewColumn({ name: 'progress_message' }) progressMessage: string | null;
  @ViewColumn() checkpoint: JsonValue;
  @ViewColumn() result: JsonValue;
  @ViewColumn() error: ErrorJson | null;
  @ViewColumn({ name: 'created_at' }) createdAt: Date;
  @ViewColumn({ name: 'run_at' }) runAt: Date;
  @ViewColumn({ name: 'started_at' }) startedAt: Date | null;
  @ViewColumn({ name: 'finished_at' }) finishedAt: Date | null;
  @ViewColumn() worker: string | null;
  @ViewColumn({ name: 'retry_of' }) retryOf: string | null;
  @ViewColumn({ name: 'cancel_requested_at' }) cancelRequestedAt: Date | null;
  @ViewColumn({ transformer: toNumber }) version: number;
}
