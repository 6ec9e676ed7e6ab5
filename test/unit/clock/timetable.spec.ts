import { describe, expect, it } from 'vitest';
import { countCron } from '../../../src/clock/cron-count.js';
import type { CronRule, EveryRule } from '../../../src/clock/rule.js';
import { dueBetween, nextDue } from '../../../src/clock/timetable.js';

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
const cron = (text: string, timeZone = 'UTC'): CronRule => ({ kind: 'cron', cron: text, timeZone });

describe('a cron pattern', () => {
  it.each([
    [
      '0 0 31 * *',
      '2026-01-31T00:00:00Z',
      '2026-03-31T00:00:00.000Z',
      'leaves out months that are too short',
    ],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z', 'waits for the leap year'],
    ['0 0 L * *', '2028-02-10T00:00:00Z', '2028-02-29T00:00:00.000Z', 'knows the last day of a month'],
    ['0 9 * * MON-FRI', '2026-11-27T09:00:00Z', '2026-11-30T09:00:00.000Z', 'leaves out the weekend'],
    ['0 0 1 1 *', '2026-12-31T23:59:59Z', '2027-01-01T00:00:00.000Z', 'crosses the year'],
    [
      '*/15 * * * * *',
      '2026-11-25T10:00:07.500Z',
      '2026-11-25T10:00:15.000Z',
      'with six fields counts seconds',
    ],
  ])('%s after %s is due at %s: it %s', (text, after, due) => {
    expect(iso(nextDue(cron(text), at(after)))).toBe(due);
  });

  it('is never due when its day does not exist', () => {
    expect(nextDue(cron('0 0 30 2 *'), at('2026-01-01T00:00:00Z'))).toBeNull();
  });

  it('leaves out the moment it was last due at and includes the present one', () => {
    const due = dueBetween(cron('* * * * * *'), at('2026-01-01T00:00:00Z'), at('2026-01-01T00:00:03Z'), 100);
    expect(due.moments.map(iso)).toEqual([
      '2026-01-01T00:00:01.000Z',
      '2026-01-01T00:00:02.000Z',
      '2026-01-01T00:00:03.000Z',
    ]);
  });

  it('names the newest moments one by one and the older ones as one range', () => {
    const due = dueBetween(cron('* * * * * *'), at('2026-08-25T00:00:00Z'), at('2026-11-25T00:00:00Z'), 100);
    expect(due.moments).toHaveLength(100);
    expect(iso(due.moments.at(-1) ?? 0)).toBe('2026-11-25T00:00:00.000Z');
    expect(due.older).toEqual({
      fromMs: at('2026-08-25T00:00:01Z'),
      untilMs: at('2026-11-24T23:58:20Z'),
      count: 92 * 86_400 - 100,
    });
  });
});

describe('the count of a long absence', () => {
  // Both changes of the clocks, a part of a day at each end, patterns that are fixed, stepped, listed and monthly.
  const patterns = [
    '*/7 */5 * * *',
    '30 2 * * *',
    '*/20 30 2 * * *',
    '15 2,3 * * 1-5',
    '*/20 1-3 10-30 3,10 *',
    '5,10 */6 * * *',
    '0 0 * * *',
    '@hourly',
  ];
  const zones = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kolkata'];
  const spans = [
    ['2026-03-27T02:17:31.250Z', '2026-03-30T14:03:00Z'],
    ['2026-10-02T23:59:59Z', '2026-10-04T20:00:00Z'],
    ['2026-10-23T23:59:59Z', '2026-10-26T01:30:00Z'],
    ['2026-06-01T10:00:00Z', '2026-06-01T10:21:00Z'],
  ] as const;

  it.each(patterns.flatMap((pattern) => zones.map((zone) => [pattern, zone] as const)))(
    'of "%s" in %s is exact',
    (pattern, zone) => {
      for (const [after, until] of spans) {
        const rule = cron(pattern, zone);
        let walked = 0;
        for (let due = nextDue(rule, at(after)); due !== null && due <= at(until); due = nextDue(rule, due))
          walked++;
        expect(countCron(rule, at(after), at(until))).toBe(walked);
      }
    },
  );

  it('counts seconds on the days when the clocks change', () => {
    const [after, until] = [at('2026-03-28T23:00:00Z'), at('2026-03-29T22:00:00Z')]; // the 23 hours of that day in Berlin
    expect(countCron(cron('*/10 * * * * *', 'Europe/Berlin'), after - 1, until - 1)).toBe(23 * 360);
  });
});

describe('an interval', () => {
  const every: EveryRule = { kind: 'every', everyMs: 1_500, anchorMs: at('2026-01-01T00:00:00Z') };

  it('is first due one interval after its rule was made', () => {
    expect(iso(nextDue(every, every.anchorMs))).toBe('2026-01-01T00:00:01.500Z');
    expect(iso(nextDue(every, every.anchorMs - 86_400_000))).toBe('2026-01-01T00:00:01.500Z');
  });

  it('keeps its rhythm however late somebody looks', () => {
    expect(iso(nextDue(every, at('2026-01-01T00:00:04Z')))).toBe('2026-01-01T00:00:04.500Z');
  });

  it('counts ten years of absence at once', () => {
    const due = dueBetween({ ...every, everyMs: 1_000 }, every.anchorMs, at('2036-01-01T00:00:00Z'), 100);
    expect(due.moments).toHaveLength(100);
    expect(due.older?.count).toBe((at('2036-01-01T00:00:00Z') - every.anchorMs) / 1_000 - 100);
  });
});

describe('one date', () => {
  const once = { kind: 'at', atMs: at('2026-06-01T12:00:00Z') } as const;

  it('is due once', () => {
    expect(nextDue(once, once.atMs - 1)).toBe(once.atMs);
    expect(nextDue(once, once.atMs)).toBeNull();
    expect(dueBetween(once, once.atMs - 1, once.atMs, 100)).toEqual({ moments: [once.atMs], older: null });
    expect(dueBetween(once, once.atMs, once.atMs + 1, 100)).toEqual({ moments: [], older: null });
  });
});
