import type { ExecutionView, TaskView } from '../tasks/index.js';
import { cardOf, tableOf } from './table.js';
import { since } from './words.js';

/** One task for people. */
export function taskCard(task: TaskView, now: number): string {
  const { progress, attempts } = task;
  return cardOf([
    ['task', task.id],
    ['job', `${task.job} (queue ${task.queue})`],
    ['status', task.status],
    [
      'progress',
      progress.percent > 0 || progress.message !== null
        ? `${Math.floor(progress.percent)} %  ${progress.message ?? ''}`.trimEnd()
        : null,
    ],
    ['attempts', attempts.made > 0 ? `${attempts.made} of ${attempts.max} ended in an error` : null],
    ['interruptions', task.interruptions > 0 ? task.interruptions : null],
    ['position', task.position],
    ['created', `${task.createdAt} (${since(task.createdAt, now)} ago)`],
    ['due', task.status === 'SCHEDULED' || task.status === 'RETRYING' ? task.runAt : null],
    ['started', task.startedAt],
    ['finished', task.finishedAt],
    ['worker', task.status === 'STARTED' ? task.worker : null],
    ['key', task.key],
    ['payload', JSON.stringify(task.payload)],
    ['checkpoint', task.checkpoint === null ? null : JSON.stringify(task.checkpoint)],
    ['result', task.result === null ? null : JSON.stringify(task.result)],
    ['error', task.error === null ? null : (task.error.stack ?? `${task.error.name}: ${task.error.message}`)],
  ]);
}

/** Every execution of a task; nothing when there was none. */
export function executionsTable(executions: readonly ExecutionView[]): string {
  if (executions.length === 0) return '';
  return tableOf<ExecutionView>(
    [
      { heading: 'EXECUTION', of: (it) => it.number, align: 'right' },
      { heading: 'OUTCOME', of: (it) => it.outcome },
      {
        heading: 'TOOK',
        of: (it) => (it.startedAt === null ? null : since(it.startedAt, Date.parse(it.endedAt))),
        align: 'right',
      },
      { heading: 'ENDED', of: (it) => it.endedAt },
      { heading: 'RELEASE', of: (it) => it.release?.slice(0, 12) ?? null },
      { heading: 'ERROR', of: (it) => it.error?.message.slice(0, 80) ?? null },
    ],
    executions,
  );
}
