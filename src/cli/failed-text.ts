import type { FailedTaskDetails, FailedTaskView, FailureGroupView } from '../failures/index.js';
import { cardOf, type Column } from './table.js';
import { executionsTable } from './task-text.js';

/** One FailedTask for people, with everything that is known of it. */
export function detailsText(details: FailedTaskDetails): string {
  const card = cardOf([
    ['failed task', details.id],
    ['state', details.state],
    ['task', details.task],
    ['job', `${details.job} (queue ${details.queue})`],
    ['kind', details.kind],
    ['failed', details.failedAt],
    ['retried as', details.retriedAs],
    ['handled by', details.handledBy],
    ['fingerprint', details.fingerprint],
    ['payload', JSON.stringify(details.payload)],
    ['error', details.error.stack ?? `${details.error.name}: ${details.error.message}`],
  ]);
  const audit = details.audit
    .map(
      (entry) =>
        `${entry.at}  ${entry.who}: ${entry.action}${entry.reason === null ? '' : ` (${entry.reason})`}`,
    )
    .join('\n');
  return [card, executionsTable(details.attempts), audit].filter((part) => part !== '').join('\n\n');
}

export const FAILED_COLUMNS: readonly Column<FailedTaskView>[] = [
  { heading: 'FAILED TASK', of: (it) => it.id },
  { heading: 'STATE', of: (it) => it.state },
  { heading: 'JOB', of: (it) => it.job },
  { heading: 'KIND', of: (it) => it.kind },
  { heading: 'FAILED', of: (it) => it.failedAt },
  { heading: 'ERROR', of: (it) => it.error.message.slice(0, 80) },
];

export const GROUP_COLUMNS: readonly Column<FailureGroupView>[] = [
  { heading: 'FINGERPRINT', of: (it) => it.fingerprint },
  { heading: 'JOB', of: (it) => it.job },
  { heading: 'OPEN', of: (it) => it.open, align: 'right' },
  { heading: 'TOTAL', of: (it) => it.total, align: 'right' },
  { heading: 'LAST', of: (it) => it.lastAt },
  { heading: 'ERROR', of: (it) => it.message.slice(0, 80) },
];
