import { instantOf } from '../foundation/index.js';
import type { ScheduleDefinition } from '../ledger/index.js';
import { whole, type Fault, type Given } from './body-fields.js';
import { compile } from './cron-pattern.js';
import { LIMITS } from './schedule-options.js';
import { nextDue } from './timetable.js';

type WhenColumns = Pick<ScheduleDefinition, 'cron' | 'everyMs' | 'at'>;
const NEVER: WhenColumns = { cron: null, everyMs: null, at: null };

/** Pure: when the schedule of a body is due. Exactly one of cron, every and at must be given. */
export function readRule(
  given: Given,
  timeZone: string,
  nowMs: number,
  current: { readonly at: Date | null } | null,
  fault: Fault,
): WhenColumns {
  const said = ['cron', 'every', 'at'].filter((key) => given[key] !== undefined && given[key] !== null);
  if (said.length !== 1) {
    for (const path of said.length === 0 ? ['cron'] : said)
      fault(path, 'exactly one of cron, every and at must be given');
    return NEVER;
  }
  if (said[0] === 'cron') return { ...NEVER, cron: readCron(given['cron'], timeZone, nowMs, fault) };
  if (said[0] === 'every')
    return { ...NEVER, everyMs: whole(given['every'], 'every', LIMITS.everyMs, LIMITS.everyMs.least, fault) };
  return { ...NEVER, at: readAt(given['at'], nowMs, current, fault) };
}

function readCron(cron: unknown, timeZone: string, nowMs: number, fault: Fault): string {
  const wrong =
    typeof cron === 'string' ? faultOfCron(cron, timeZone, nowMs) : 'must be text, such as "0 9 * * MON-FRI"';
  if (wrong !== null) fault('cron', wrong);
  return typeof cron === 'string' ? cron.trim() : '';
}

/** What is wrong with a cron pattern, or null. */
export function faultOfCron(cron: string, timeZone: string, nowMs: number): string | null {
  const text = cron.trim();
  const fields = text.split(/\s+/).length;
  if (text.length > LIMITS.cronLength) return `must have at most ${String(LIMITS.cronLength)} characters`;
  if (!text.startsWith('@') && fields !== 5 && fields !== 6) {
    return `must have five fields (minute hour day month weekday), or six with seconds first; it has ${String(text === '' ? 0 : fields)}`;
  }
  try {
    compile(text, timeZone);
    if (nextDue({ kind: 'cron', cron: text, timeZone }, nowMs) === null)
      return 'is never due: no date fits its day and month';
    return null;
  } catch (error) {
    return `is no cron pattern: ${error instanceof Error ? error.message.replace(/^Cron\w+: /, '') : 'it cannot be read'}`;
  }
}

function readAt(
  at: unknown,
  nowMs: number,
  current: { readonly at: Date | null } | null,
  fault: Fault,
): Date {
  const instant =
    at instanceof Date ? at : ((typeof at === 'string' ? instantOf(at) : null) ?? new Date(NaN));
  if (Number.isNaN(instant.getTime()))
    fault('at', 'must be an instant such as 2026-11-21T08:00:00.000Z, with Z or an offset');
  else if (instant.getTime() <= nowMs && instant.getTime() !== current?.at?.getTime())
    fault('at', 'lies in the past, so that it would never be due');
  return Number.isNaN(instant.getTime()) ? new Date(0) : instant;
}
