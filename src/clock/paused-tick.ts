import type { ScheduleRow, TickRow } from '../ledger/index.js';
import { dealtWithMs, ruleOf } from './schedule-rule.js';
import { dueBetween } from './timetable.js';

/** The row that says what fell into a pause which ends now; null when nothing did. */
export function pausedTick(row: ScheduleRow, now: Date): TickRow | null {
  const { moments, older } = dueBetween(ruleOf(row), sinceMs(row), now.getTime(), 1);
  const newest = moments.at(-1);
  if (newest === undefined) return null;
  const first = older?.fromMs ?? newest;
  return {
    schedule: row.name,
    dueAt: new Date(first),
    untilAt: older === null ? null : new Date(newest),
    count: (older?.count ?? 0) + 1,
    outcome: 'skipped',
    task: null,
    lateByMs: now.getTime() - first,
    reason: 'disabled',
  };
}

// Nobody notes when a method ran: it did until the pause began.
function sinceMs(row: ScheduleRow): number {
  return row.kind === 'method' && row.disabledAt !== null
    ? Math.max(dealtWithMs(row), row.disabledAt.getTime())
    : dealtWithMs(row);
}
