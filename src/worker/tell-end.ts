import { monotonicMs } from '../foundation/index.js';
import type { TaskStatus } from '../ledger/index.js';
import type { Telemetry } from '../telemetry/index.js';
import type { Outcome } from './outcome.js';
import type { RunningTask } from './running-task.js';

/** The one line of an execution that has ended: `status` is what the ledger wrote, which may not be what the outcome asked for. */
export function tellEnd(telemetry: Telemetry, task: RunningTask, outcome: Outcome, status: TaskStatus): void {
  const { id: taskId, job, queue, execution } = task;
  const durationMs = Math.round((monotonicMs() - task.sinceMonotonicMs) * 1000) / 1000;
  if (status === 'FINISHED') {
    telemetry.emit('task.finished', { taskId, job, queue, execution, durationMs });
    return;
  }
  const run = { taskId, job, queue, execution };
  const error = outcome.error?.message ?? '';
  const runAt = outcome.dueAt?.toISOString() ?? '';
  switch (status) {
    case 'FAILED':
      telemetry.emit('task.failed', { ...run, durationMs, error });
      return;
    case 'RETRYING':
      telemetry.emit('task.retrying', { ...run, durationMs, error, runAt });
      return;
    case 'SCHEDULED':
      telemetry.emit('task.snoozed', { ...run, runAt });
      return;
    case 'CANCELLED':
      telemetry.emit('task.cancelled', { ...run, durationMs });
      return;
    case 'QUEUED':
    case 'STARTED':
      telemetry.emit('task.interrupted', {
        ...run,
        durationMs,
        why: task.signalled instanceof Error ? task.signalled.message : 'handed over at a checkpoint',
      });
  }
}
