import { DAY, HOUR, MINUTE, SECOND } from '../foundation/index.js';
import { compile } from './cron-pattern.js';
import type { CronRule } from './rule.js';
import { offsetMs, wallMs } from './time-zone.js';

/**
 * How many due moments a pattern has in (after, until]. A clock that was down for a season has millions of them, and
 * croner finds one in 130 µs: so whole days are counted by arithmetic (seconds x minutes x hours), and only a day on
 * which the zone changes its offset is walked through.
 */
export function countCron(rule: CronRule, afterMs: number, untilMs: number): number {
  const { times, days } = split(rule.cron);
  const noons = compile(`0 0 12 ${days}`, rule.timeZone);
  let count = 0;
  // A day before, a day behind: the noons of the two days that are only in it with a part of theirs.
  for (
    let noon = noons.nextRun(new Date(afterMs - DAY));
    noon !== null && noon.getTime() <= untilMs + DAY;
    noon = noons.nextRun(noon)
  ) {
    count += countDay(rule, times, noon.getTime(), afterMs, untilMs);
  }
  return count;
}

function countDay(
  rule: CronRule,
  times: TimesOfDay,
  noonMs: number,
  afterMs: number,
  untilMs: number,
): number {
  const day = Math.floor(wallMs(rule.timeZone, noonMs) / DAY) * DAY;
  const offset = offsetMs(rule.timeZone, noonMs);
  const [startMs, endMs] = [day - offset, day + DAY - offset];
  if (!isEven(rule.timeZone, offset, startMs, endMs))
    return walkDay(rule, times, day, noonMs, afterMs, untilMs);
  const upTo = (ms: number): number => rank(times, Math.min(Math.max(ms - startMs, -1), DAY - SECOND));
  return upTo(untilMs) - upTo(afterMs);
}

// The offset is looked at from an hour before to an hour behind the day, so that a change at midnight is walked too.
function isEven(timeZone: string, offset: number, startMs: number, endMs: number): boolean {
  return offsetMs(timeZone, startMs - HOUR) === offset && offsetMs(timeZone, endMs + HOUR) === offset;
}

// Zones change at full minutes: walking the first two seconds of each due minute is enough, and thirty times faster.
function walkDay(
  rule: CronRule,
  times: TimesOfDay,
  day: number,
  noonMs: number,
  afterMs: number,
  untilMs: number,
): number {
  const { fields } = split(rule.cron);
  const pattern = compile(
    fields.length === 6 ? [secondsToWalk(times), ...fields.slice(1)].join(' ') : rule.cron,
    rule.timeZone,
  );
  let count = 0;
  for (
    let run = pattern.nextRun(new Date(noonMs - DAY));
    run !== null && run.getTime() < noonMs + DAY;
    run = pattern.nextRun(run)
  ) {
    if (Math.floor(wallMs(rule.timeZone, run.getTime()) / DAY) * DAY !== day) continue;
    if (times.seconds.length > 1 && run.getTime() % MINUTE !== (times.seconds[0] ?? 0) * SECOND) continue;
    count += secondsOf(times, run.getTime()).filter((due) => due > afterMs && due <= untilMs).length;
  }
  return count;
}

// Two of a list: with one alone croner would take an hour and a minute for a fixed time, which is never due twice.
function secondsToWalk({ seconds }: TimesOfDay): string {
  return seconds.slice(0, 2).join(',');
}

// A single second is the run itself: the gap may have moved it to a full minute.
function secondsOf(times: TimesOfDay, runMs: number): number[] {
  if (times.seconds.length === 1) return [runMs];
  const minute = Math.floor(runMs / MINUTE) * MINUTE;
  return times.seconds.map((second) => minute + second * SECOND);
}

interface TimesOfDay {
  readonly hours: readonly number[];
  readonly minutes: readonly number[];
  readonly seconds: readonly number[];
}

// How many due times of a day are at or before a time of day (ms since midnight; negative: none).
function rank(times: TimesOfDay, sinceMidnightMs: number): number {
  if (sinceMidnightMs < 0) return 0;
  const hour = Math.floor(sinceMidnightMs / HOUR);
  const minute = Math.floor((sinceMidnightMs % HOUR) / MINUTE);
  const second = Math.floor((sinceMidnightMs % MINUTE) / SECOND);
  const below = (values: readonly number[], limit: number): number =>
    values.filter((value) => value < limit).length;
  let count = below(times.hours, hour) * times.minutes.length * times.seconds.length;
  if (!times.hours.includes(hour)) return count;
  count += below(times.minutes, minute) * times.seconds.length;
  return times.minutes.includes(minute) ? count + below(times.seconds, second + 1) : count;
}

function split(cron: string): { times: TimesOfDay; days: string; fields: string[] } {
  const fields = plain(cron).split(/\s+/);
  const [seconds = '0', minutes = '*', hours = '*', ...days] =
    fields.length === 6 ? fields : ['0', ...fields];
  return {
    times: { hours: values(hours, 24), minutes: values(minutes, 60), seconds: values(seconds, 60) },
    days: days.join(' '),
    fields,
  };
}

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

function plain(cron: string): string {
  const text = cron.trim();
  return NICKNAMES[text.toLowerCase()] ?? text;
}

// The field has passed croner: numbers, ranges, steps and lists are all there can be.
function values(field: string, size: number): number[] {
  const found = new Set<number>();
  for (const part of field.split(',')) {
    const [span = '*', step = '1'] = part.split('/');
    const [from, to] = span === '*' || span === '?' ? [0, size - 1] : bounds(span);
    for (let value = from; value <= to; value += Number(step)) found.add(value);
  }
  return [...found].sort((a, b) => a - b);
}

function bounds(span: string): [number, number] {
  const [from = '0', to = from] = span.split('-');
  return [Number(from), Number(to)];
}
