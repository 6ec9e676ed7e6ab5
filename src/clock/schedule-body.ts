import type { JsonValue } from '../foundation/index.js';
import type { ScheduleDefinition } from '../ledger/index.js';
import { checkOptions, InvalidOptionsError } from '../tasks/index.js';
import { isRecord, oneOf, whole, type Fault } from './body-fields.js';
import { readRule } from './body-when.js';
import type { ScheduleIssue } from './clock-errors.js';
import { DEFAULTS, LIMITS, type ScheduleBehaviour } from './schedule-options.js';
import { isTimeZone } from './time-zone.js';

/** The body of `PUT /schedules/:name`: a job, its payload, and exactly one of cron, every and at. */
export interface ScheduleBody extends ScheduleBehaviour {
  readonly job: string;
  /** Default `{}`. */
  readonly payload?: unknown;
  /** Five fields (minute hour day month weekday), or six with seconds first. */
  readonly cron?: string | null | undefined;
  /** ms between two ticks, at least 1000. The first is due one interval from now. */
  readonly every?: number | null | undefined;
  /** One instant, ISO 8601 with `Z` or an offset. */
  readonly at?: string | null | undefined;
}

/** What could be read of a body, and everything that is wrong with it. The job and its payload are checked elsewhere. */
export interface ReadBody {
  readonly definition: ScheduleDefinition;
  readonly issues: readonly ScheduleIssue[];
}

/**
 * Pure: body → definition. `current` is the schedule as it is: an `at` that lies in the past is no fault when it is
 * nothing new.
 */
export function readBody(
  name: string,
  body: unknown,
  nowMs: number,
  current: { readonly at: Date | null } | null,
): ReadBody {
  const issues: ScheduleIssue[] = [];
  const fault = (path: string, message: string): void => void issues.push({ path, message });
  if (!NAME.test(name))
    fault(
      'name',
      'must be 1 to 100 letters, digits, ".", "_", "-" or ":", and begin with a letter or a digit',
    );
  const given = isRecord(body) ? body : {};
  if (!isRecord(body)) fault('', 'must be an object: { job, payload, cron | every | at, … }');
  for (const key of Object.keys(given))
    if (!KEYS.has(key)) fault(key, `is unknown; known are ${[...KEYS].join(', ')}`);

  const timeZone = readZone(given['timeZone'], fault);
  const rule = readRule(given, timeZone, nowMs, current, fault);
  const definition: ScheduleDefinition = {
    name,
    kind: 'task',
    job: readJob(given['job'], fault),
    payload: (given['payload'] ?? {}) as JsonValue, // parsed from JSON; a payload from code is checked with its job
    options: readOptions(given['options'], fault),
    ...rule,
    timeZone,
    misfire: oneOf(given['misfire'], 'misfire', ['skip', 'once', 'all'], DEFAULTS.misfire, fault),
    misfireLimit: whole(
      given['misfireLimit'],
      'misfireLimit',
      LIMITS.misfireLimit,
      DEFAULTS.misfireLimit,
      fault,
    ),
    misfireGraceMs: whole(
      given['misfireGrace'],
      'misfireGrace',
      LIMITS.misfireGraceMs,
      DEFAULTS.misfireGraceMs,
      fault,
    ),
    overlap: oneOf(given['overlap'], 'overlap', ['allow', 'skip'], DEFAULTS.overlap, fault),
    enabled: readEnabled(given['enabled'], fault),
  };
  return { definition, issues };
}

const NAME = /^[A-Za-z0-9][\w.:-]{0,99}$/;
const KEYS = new Set([
  'job',
  'payload',
  'cron',
  'every',
  'at',
  'timeZone',
  'misfire',
  'misfireLimit',
  'misfireGrace',
  'overlap',
  'enabled',
  'options',
]);
const OPTION_KEYS = new Set(['key', 'priority', 'attempts', 'timeout']);

function readJob(job: unknown, fault: Fault): string {
  if (typeof job === 'string' && job !== '') return job;
  fault('job', 'is missing: the name of a job');
  return '';
}

function readZone(timeZone: unknown, fault: Fault): string {
  if (timeZone === undefined || timeZone === null) return DEFAULTS.timeZone;
  if (typeof timeZone === 'string' && isTimeZone(timeZone)) return timeZone;
  fault('timeZone', 'is no time zone; pass an IANA name such as Europe/Berlin, or UTC');
  return DEFAULTS.timeZone;
}

function readOptions(options: unknown, fault: Fault): ScheduleDefinition['options'] {
  if (options === undefined || options === null) return {};
  if (!isRecord(options)) {
    fault('options', `must be an object with any of ${[...OPTION_KEYS].join(', ')}`);
    return {};
  }
  const isKnown = ([key]: [string, unknown]): boolean => OPTION_KEYS.has(key);
  for (const [key] of Object.entries(options).filter((entry) => !isKnown(entry)))
    fault(`options.${key}`, `is unknown; known are ${[...OPTION_KEYS].join(', ')}`);
  const known = Object.fromEntries(Object.entries(options).filter(isKnown));
  try {
    checkOptions(known); // checks the type of each
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    for (const issue of error.issues) fault(issue.path, issue.message);
  }
  return known as ScheduleDefinition['options']; // text and numbers only, as was just checked
}

function readEnabled(enabled: unknown, fault: Fault): boolean {
  if (enabled === undefined || enabled === null) return true;
  if (typeof enabled !== 'boolean') fault('enabled', 'must be true or false');
  return enabled !== false;
}
