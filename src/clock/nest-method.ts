import { DefinitionError } from '../foundation/index.js';
import type { ScheduleDefinition } from '../ledger/index.js';
import { faultOfCron } from './body-when.js';
import { DEFAULTS } from './schedule-options.js';

/** A method that one of @nestjs/schedule's decorators stands on. */
export interface NestMethod {
  readonly name: string;
  /** `Class.method`, for people. */
  readonly where: string;
  readonly when:
    | { readonly kind: 'cron'; readonly cron: string; readonly timeZone: string }
    | { readonly kind: 'interval'; readonly everyMs: number }
    | { readonly kind: 'timeout'; readonly afterMs: number }
    | { readonly kind: 'date'; readonly at: Date };
  readonly isDisabled: boolean;
  /** @Cron's `waitForCompletion`: a run that is due while the one before still goes on is left out. */
  readonly waits: boolean;
  run(): Promise<void>;
}

/** Metadata of @nestjs/schedule 12: its decorators write it, and it exports no reader of its own. */
const TYPE = 'SCHEDULER_TYPE';
const NAME = 'SCHEDULER_NAME';
const CRON = 'SCHEDULE_CRON_OPTIONS';
const INTERVAL = 'SCHEDULE_INTERVAL_OPTIONS';
const TIMEOUT = 'SCHEDULE_TIMEOUT_OPTIONS';
const IS_TIMEOUT = 2;
const IS_INTERVAL = 3;

/** What stands on a method of a provider; null when nothing of @nestjs/schedule does. Throws `DefinitionError`. */
export function nestMethodOf(instance: object, className: string, key: string): NestMethod | null {
  const method: unknown = Reflect.get(instance, key);
  if (typeof method !== 'function') return null;
  const type: unknown = Reflect.getMetadata(TYPE, method);
  if (type === undefined) return null;
  const where = `${className}.${key}`;
  const name: unknown = Reflect.getMetadata(NAME, method);
  const cron = Reflect.getMetadata(CRON, method) as NestCron | undefined; // written only by @Cron
  return {
    name: typeof name === 'string' ? name : where,
    where,
    when: whenOf(where, type, method, cron),
    isDisabled: cron?.disabled === true,
    waits: cron?.waitForCompletion === true,
    run: async () => {
      await (method.call(instance) as unknown);
    },
  };
}

interface NestCron {
  readonly cronTime: unknown;
  readonly timeZone?: string;
  readonly utcOffset?: number;
  readonly disabled?: boolean;
  readonly waitForCompletion?: boolean;
}

function whenOf(
  where: string,
  type: unknown,
  method: object,
  cron: NestCron | undefined,
): NestMethod['when'] {
  if (type === IS_INTERVAL)
    return { kind: 'interval', everyMs: timeoutOf(where, Reflect.getMetadata(INTERVAL, method)) };
  if (type === IS_TIMEOUT)
    return { kind: 'timeout', afterMs: timeoutOf(where, Reflect.getMetadata(TIMEOUT, method)) };
  return cronOf(where, cron);
}

function timeoutOf(where: string, options: unknown): number {
  const ms: unknown =
    typeof options === 'object' && options !== null && 'timeout' in options ? options.timeout : undefined;
  if (typeof ms === 'number' && ms >= 1) return ms;
  throw new DefinitionError(
    `${where}: an interval or timeout needs a number of ms, 1 or more. Example: @Interval(10_000)`,
  );
}

function cronOf(where: string, options: NestCron | undefined): NestMethod['when'] {
  const time: unknown = options?.cronTime;
  if (time instanceof Date) return { kind: 'date', at: time };
  if (isLuxon(time)) return { kind: 'date', at: time.toJSDate() };
  const timeZone = options?.timeZone ?? zoneOfOffset(where, options?.utcOffset) ?? LOCAL_ZONE;
  const fault = typeof time === 'string' ? faultOfCron(time, timeZone, Date.now()) : 'must be text or a date';
  if (fault !== null) throw new DefinitionError(`${where}: its @Cron ${fault}`);
  return { kind: 'cron', cron: String(time).trim(), timeZone };
}

// Luxon's DateTime, which the package cron takes as well.
function isLuxon(time: unknown): time is { toJSDate(): Date } {
  return (
    typeof time === 'object' && time !== null && 'toJSDate' in time && typeof time.toJSDate === 'function'
  );
}

/** @nestjs/schedule reads a pattern in the zone of the machine; so do we, for its decorators. */
const LOCAL_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

// The zone database has whole hours only, and with the sign the other way round.
function zoneOfOffset(where: string, minutes: number | undefined): string | undefined {
  if (minutes === undefined) return undefined;
  const hours = minutes / 60;
  if (Number.isInteger(hours) && hours >= -12 && hours <= 14)
    return hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${String(Math.abs(hours))}`;
  throw new DefinitionError(
    `${where}: its utcOffset of ${String(minutes)} minutes is no whole number of hours. Name a time zone: timeZone: 'Asia/Kolkata'`,
  );
}

/** The method as the list of schedules shows it. A timeout counts from `nowMs`. */
export function definitionOf(method: NestMethod, nowMs: number): ScheduleDefinition {
  const { when } = method;
  return {
    name: method.name,
    kind: 'method',
    job: method.where,
    payload: null,
    options: {},
    cron: when.kind === 'cron' ? when.cron : null,
    everyMs: when.kind === 'interval' ? when.everyMs : null,
    at: when.kind === 'date' ? when.at : when.kind === 'timeout' ? new Date(nowMs + when.afterMs) : null,
    timeZone: when.kind === 'cron' ? when.timeZone : DEFAULTS.timeZone,
    misfire: 'skip',
    misfireLimit: DEFAULTS.misfireLimit,
    misfireGraceMs: 0,
    overlap: method.waits ? 'skip' : 'allow',
    enabled: !method.isDisabled,
  };
}
