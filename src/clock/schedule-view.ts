import type { JsonValue } from '../foundation/index.js';
import { redactSecrets } from '../jobs/index.js';
import type { DisabledBy, ScheduleRow, ScheduleSource, TickOutcome, TickRow } from '../ledger/index.js';
import { dealtWithMs, ruleOf } from './schedule-rule.js';
import { nextDue } from './timetable.js';

/** PROTOCOL `Tick`. Instants ISO 8601 UTC; `lateBy` in ms. */
export interface TickView {
  readonly schedule: string;
  readonly dueAt: string;
  /** Last moment of a range of `count` due moments that share this row. */
  readonly until: string | null;
  readonly count: number;
  readonly outcome: TickOutcome;
  readonly task: string | null;
  readonly lateBy: number;
  /** `misfire`, `drain`, `overlap`, `disabled`, `grace`, `limit`, or why it failed. */
  readonly reason: string | null;
}

/** PROTOCOL `Schedule`. Instants ISO 8601 UTC; `every` and `misfireGrace` in ms; secrets of the payload redacted. */
export interface ScheduleView {
  readonly name: string;
  /** `task`: enqueues its job. `method`: calls a method decorated by @nestjs/schedule in the leading clock. */
  readonly kind: 'task' | 'method';
  readonly job: string;
  readonly payload: JsonValue;
  readonly options: Readonly<Record<string, JsonValue>>;
  readonly cron: string | null;
  readonly every: number | null;
  readonly at: string | null;
  readonly timeZone: string;
  readonly misfire: 'skip' | 'once' | 'all';
  readonly misfireLimit: number;
  readonly misfireGrace: number;
  readonly overlap: 'allow' | 'skip';
  readonly enabled: boolean;
  /** Why it is not enabled: paused by a `person`, or the `code` declares it so, or no more. */
  readonly disabledBy: DisabledBy | null;
  readonly source: ScheduleSource;
  /** The next due moment; null when there is none, it is not enabled, or this release cannot read when it is due. */
  readonly nextAt: string | null;
  readonly last: TickView | null;
}

export function scheduleView(
  row: ScheduleRow,
  last: TickRow | null,
  secretPaths: readonly string[],
  now: Date,
): ScheduleView {
  const next = row.enabled ? nextAfter(row, now) : null;
  return {
    name: row.name,
    kind: row.kind,
    job: row.job,
    payload: redactSecrets(row.payload, secretPaths) as JsonValue, // JSON in, JSON out
    options: row.options,
    cron: row.cron,
    every: row.everyMs,
    at: row.at?.toISOString() ?? null,
    timeZone: row.timeZone,
    misfire: row.misfire,
    misfireLimit: row.misfireLimit,
    misfireGrace: row.misfireGraceMs,
    overlap: row.overlap,
    enabled: row.enabled,
    disabledBy: row.disabledBy,
    source: row.source,
    nextAt: next === null ? null : new Date(next).toISOString(),
    last: last === null ? null : tickView(last),
  };
}

function nextAfter(row: ScheduleRow, now: Date): number | null {
  try {
    return nextDue(ruleOf(row), Math.max(dealtWithMs(row), now.getTime()));
  } catch {
    return null; // the clock tells of it
  }
}

export function tickView(row: TickRow): TickView {
  return {
    schedule: row.schedule,
    dueAt: row.dueAt.toISOString(),
    until: row.untilAt?.toISOString() ?? null,
    count: row.count,
    outcome: row.outcome,
    task: row.task,
    lateBy: row.lateByMs,
    reason: row.reason,
  };
}
