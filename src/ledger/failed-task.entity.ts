import { ViewColumn, ViewEntity } from 'typeorm';
import type { ErrorJson } from './task-row.js';
import type { FailedTaskRow, FailedTaskState, FailureKind } from './failed-task-row.js';

/** A FailedTask as people read it: the view `failed_task_now`. Read only; writes are SQL, one file per verb. */
@ViewEntity({ name: 'failed_task_now', synchronize: false, expression: 'SELECT 1' })
export class FailedTask implements FailedTaskRow {
  @ViewColumn() id: string;
  @ViewColumn() seq: string;
  @ViewColumn() task: string;
  @ViewColumn() job: string;
  @ViewColumn() queue: string;
  @ViewColumn() key: string | null;
  @ViewColumn() kind: FailureKind;
  @ViewColumn() fingerprint: string;
  @ViewColumn() state: FailedTaskState;
  @ViewColumn() closed: boolean;
  @ViewColumn() error: ErrorJson | null;
  @ViewColumn({ name: 'retried_as' }) retriedAs: string | null;
  @ViewColumn({ name: 'handled_by' }) handledBy: string | null;
  @ViewColumn({ name: 'failed_at' }) failedAt: Date;
}
