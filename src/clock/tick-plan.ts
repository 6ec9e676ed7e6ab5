import type { ScheduleRow, TickRow } from '../ledger/index.js';
import { decide, type Decision, type Presence } from './misfire-policy.js';
import type { Rule } from './rule.js';
import { NAMED_TICKS } from './schedule-options.js';
import { dealtWithMs, ruleOf } from './schedule-rule.js';
import { dueBetween, nextDue } from './timetable.js';

/** Everything that is due of one schedule, and what is to become of it. */
export interface TickPlan {
  readonly row: ScheduleRow;
  /** The newest due moment: with it, all before it are dealt with. */
  readonly dueAt: Date;
  readonly decisions: readonly Decision[];
  /** The due moment after these; null when there is none. */
  readonly nextMs: number | null;
}

/** Pure: what is due of a schedule at `presence.nowMs`; null when nothing is. */
export function planTicks(row: ScheduleRow, presence: Presence): TickPlan | null {
  const rule = ruleOf(row);
  const due = dueBetween(rule, dealtWithMs(row), presence.nowMs, Math.max(NAMED_TICKS, row.misfireLimit));
  const newest = due.moments.at(-1);
  if (newest === undefined) return null;
  const nextMs = nextDue(rule, newest);
  const rules = { misfire: row.misfire, limit: row.misfireLimit, graceMs: row.misfireGraceMs };
  const decisions = decide(due, nextMs === null ? null : nextMs - newest, rules, presence);
  return { row, dueAt: new Date(newest), decisions, nextMs };
}

/** Pure: under `overlap: skip`, only one task of a schedule may be under way: the first that fires, if none is. */
export function withoutOverlap(plan: TickPlan, isBusy: boolean): TickPlan {
  if (plan.row.overlap === 'allow') return plan;
  let taken = isBusy;
  const decisions = plan.decisions.map((decision): Decision => {
    if (decision.verdict !== 'fire') return decision;
    if (taken) return { ...decision, verdict: 'skipped', reason: 'overlap' };
    taken = true;
    return decision;
  });
  return { ...plan, decisions };
}

/** When a schedule is next due; null when never again. */
export function nextOf(row: ScheduleRow): number | null {
  const rule: Rule = ruleOf(row);
  return nextDue(rule, dealtWithMs(row));
}

/** A decision as it is recorded. */
export function tickRow(
  schedule: string,
  decision: Decision,
  outcome: TickRow['outcome'],
  task: string | null,
  reason = decision.reason,
): TickRow {
  return {
    schedule,
    dueAt: new Date(decision.dueMs),
    untilAt: decision.untilMs === null ? null : new Date(decision.untilMs),
    count: decision.count,
    outcome,
    task,
    lateByMs: decision.lateByMs,
    reason,
  };
}
