import { inKeyOrder } from '../foundation/index.js';
import type { ScheduleDefinition, ScheduleRow } from '../ledger/index.js';
import type { Rule } from './rule.js';

/** When a schedule of the ledger is due. */
export function ruleOf(row: Pick<ScheduleRow, 'cron' | 'everyMs' | 'at' | 'timeZone' | 'anchorAt'>): Rule {
  if (row.cron !== null) return { kind: 'cron', cron: row.cron, timeZone: row.timeZone };
  if (row.everyMs !== null) return { kind: 'every', everyMs: row.everyMs, anchorMs: row.anchorAt.getTime() };
  return { kind: 'at', atMs: row.at?.getTime() ?? 0 }; // the table has a check: one of the three is set
}

/** The moment up to which everything has been dealt with: due moments begin after it. */
export function dealtWithMs(row: Pick<ScheduleRow, 'anchorAt' | 'lastDueAt'>): number {
  return Math.max(row.anchorAt.getTime(), row.lastDueAt?.getTime() ?? 0);
}

/** A definition as text: equal exactly when the code declares the same. */
export function declarationText(definition: ScheduleDefinition): string {
  const { name: _, ...rest } = definition;
  return JSON.stringify(inKeyOrder(rest));
}
