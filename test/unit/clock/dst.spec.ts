import { CronTime } from 'cron';
import { describe, expect, it } from 'vitest';
import { dueBetween, nextDue } from '../../../src/clock/timetable.js';
import type { CronRule } from '../../../src/clock/rule.js';

type Case = readonly [
  zone: string,
  change: 'spring' | 'autumn',
  cron: string,
  after: string,
  due: readonly string[],
  cronPackage: 'agrees' | 'differs',
];

/**
 * What is due around a change of the clocks, as a clock on the wall shows it. Berlin and New York move by an hour (at 2 → 3
 * and 3 → 2; 2 → 3 and 2 → 1), Lord Howe by half an hour (2:00 → 2:30, 2:00 → 1:30).
 *
 * The package `cron` 4.4.0 is the other implementation. Where it `differs`, it is wrong, and in one of three ways: it adds
 * a run at the moment of the change to patterns that do not name it (`0 3 * * *` also at 02:00, `0 * * * *` at 01:30); it
 * drops the second of two equal hours from a pattern with steps; or it runs in circles between them (Lord Howe, autumn).
 */
const CASES: readonly Case[] = [
  [
    'Europe/Berlin',
    'spring',
    '30 2 * * *',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T03:00+02:00', '2026-03-30T02:30+02:00', '2026-03-31T02:30+02:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'spring',
    '0 2 * * *',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T03:00+02:00', '2026-03-30T02:00+02:00', '2026-03-31T02:00+02:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'spring',
    '0 3 * * *',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T03:00+02:00', '2026-03-30T03:00+02:00', '2026-03-31T03:00+02:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'spring',
    '*/30 * * * *',
    '2026-03-29T00:50+01:00',
    [
      '2026-03-29T01:00+01:00',
      '2026-03-29T01:30+01:00',
      '2026-03-29T03:00+02:00',
      '2026-03-29T03:30+02:00',
      '2026-03-29T04:00+02:00',
    ],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'spring',
    '0 */2 * * *',
    '2026-03-29T00:50+01:00',
    ['2026-03-29T04:00+02:00', '2026-03-29T06:00+02:00', '2026-03-29T08:00+02:00'],
    'differs',
  ],
  [
    'Europe/Berlin',
    'spring',
    '15 2,3 * * *',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T03:15+02:00', '2026-03-30T02:15+02:00', '2026-03-30T03:15+02:00'],
    'differs',
  ],
  [
    'Europe/Berlin',
    'spring',
    '*/20 2 * * *',
    '2026-03-29T00:50+01:00',
    ['2026-03-30T02:00+02:00', '2026-03-30T02:20+02:00', '2026-03-30T02:40+02:00', '2026-03-31T02:00+02:00'],
    'differs',
  ],
  [
    'Europe/Berlin',
    'spring',
    '0 0 * * *',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T00:00+01:00', '2026-03-30T00:00+02:00', '2026-03-31T00:00+02:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'spring',
    '30 2 * * 0',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T03:00+02:00', '2026-04-05T02:30+02:00', '2026-04-12T02:30+02:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'spring',
    '30 2 29 3 *',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T03:00+02:00', '2027-03-29T02:30+02:00', '2028-03-29T02:30+02:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'spring',
    '59 59 2 * * *',
    '2026-03-28T13:00+01:00',
    ['2026-03-29T03:00+02:00', '2026-03-30T02:59:59+02:00', '2026-03-31T02:59:59+02:00'],
    'differs',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '30 2 * * *',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T02:30+02:00', '2026-10-26T02:30+01:00', '2026-10-27T02:30+01:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '0 2 * * *',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T02:00+02:00', '2026-10-26T02:00+01:00', '2026-10-27T02:00+01:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '0 3 * * *',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T03:00+01:00', '2026-10-26T03:00+01:00', '2026-10-27T03:00+01:00'],
    'differs',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '*/30 * * * *',
    '2026-10-25T00:50+02:00',
    [
      '2026-10-25T01:00+02:00',
      '2026-10-25T01:30+02:00',
      '2026-10-25T02:00+02:00',
      '2026-10-25T02:30+02:00',
      '2026-10-25T02:00+01:00',
      '2026-10-25T02:30+01:00',
      '2026-10-25T03:00+01:00',
    ],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '0 */2 * * *',
    '2026-10-25T00:50+02:00',
    ['2026-10-25T02:00+02:00', '2026-10-25T02:00+01:00', '2026-10-25T04:00+01:00'],
    'differs',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '15 2,3 * * *',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T02:15+02:00', '2026-10-25T02:15+01:00', '2026-10-25T03:15+01:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '*/20 2 * * *',
    '2026-10-25T00:50+02:00',
    [
      '2026-10-25T02:00+02:00',
      '2026-10-25T02:20+02:00',
      '2026-10-25T02:40+02:00',
      '2026-10-25T02:00+01:00',
      '2026-10-25T02:20+01:00',
      '2026-10-25T02:40+01:00',
      '2026-10-26T02:00+01:00',
    ],
    'differs',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '0 0 * * *',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T00:00+02:00', '2026-10-26T00:00+01:00', '2026-10-27T00:00+01:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '30 2 * * 0',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T02:30+02:00', '2026-11-01T02:30+01:00', '2026-11-08T02:30+01:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '30 2 25 10 *',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T02:30+02:00', '2027-10-25T02:30+02:00', '2028-10-25T02:30+02:00'],
    'agrees',
  ],
  [
    'Europe/Berlin',
    'autumn',
    '59 59 2 * * *',
    '2026-10-24T14:00+02:00',
    ['2026-10-25T02:59:59+02:00', '2026-10-26T02:59:59+01:00', '2026-10-27T02:59:59+01:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'spring',
    '30 2 * * *',
    '2026-03-07T12:00-05:00',
    ['2026-03-08T03:00-04:00', '2026-03-09T02:30-04:00', '2026-03-10T02:30-04:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'spring',
    '30 1 * * *',
    '2026-03-07T12:00-05:00',
    ['2026-03-08T01:30-05:00', '2026-03-09T01:30-04:00', '2026-03-10T01:30-04:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'spring',
    '0 3 * * *',
    '2026-03-07T12:00-05:00',
    ['2026-03-08T03:00-04:00', '2026-03-09T03:00-04:00', '2026-03-10T03:00-04:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'spring',
    '*/30 * * * *',
    '2026-03-08T00:50-05:00',
    [
      '2026-03-08T01:00-05:00',
      '2026-03-08T01:30-05:00',
      '2026-03-08T03:00-04:00',
      '2026-03-08T03:30-04:00',
      '2026-03-08T04:00-04:00',
    ],
    'agrees',
  ],
  [
    'America/New_York',
    'spring',
    '0 */2 * * *',
    '2026-03-08T00:50-05:00',
    ['2026-03-08T04:00-04:00', '2026-03-08T06:00-04:00', '2026-03-08T08:00-04:00'],
    'differs',
  ],
  [
    'America/New_York',
    'spring',
    '15 1,2 * * *',
    '2026-03-07T12:00-05:00',
    ['2026-03-08T01:15-05:00', '2026-03-09T01:15-04:00', '2026-03-09T02:15-04:00'],
    'differs',
  ],
  [
    'America/New_York',
    'spring',
    '*/20 1 * * *',
    '2026-03-08T00:50-05:00',
    ['2026-03-08T01:00-05:00', '2026-03-08T01:20-05:00', '2026-03-08T01:40-05:00', '2026-03-09T01:00-04:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'spring',
    '0 0 * * *',
    '2026-03-07T12:00-05:00',
    ['2026-03-08T00:00-05:00', '2026-03-09T00:00-04:00', '2026-03-10T00:00-04:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'autumn',
    '30 2 * * *',
    '2026-10-31T12:00-04:00',
    ['2026-11-01T02:30-05:00', '2026-11-02T02:30-05:00', '2026-11-03T02:30-05:00'],
    'differs',
  ],
  [
    'America/New_York',
    'autumn',
    '30 1 * * *',
    '2026-10-31T12:00-04:00',
    ['2026-11-01T01:30-04:00', '2026-11-02T01:30-05:00', '2026-11-03T01:30-05:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'autumn',
    '0 3 * * *',
    '2026-10-31T12:00-04:00',
    ['2026-11-01T03:00-05:00', '2026-11-02T03:00-05:00', '2026-11-03T03:00-05:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'autumn',
    '*/30 * * * *',
    '2026-11-01T00:50-04:00',
    [
      '2026-11-01T01:00-04:00',
      '2026-11-01T01:30-04:00',
      '2026-11-01T01:00-05:00',
      '2026-11-01T01:30-05:00',
      '2026-11-01T02:00-05:00',
    ],
    'agrees',
  ],
  [
    'America/New_York',
    'autumn',
    '0 */2 * * *',
    '2026-11-01T00:50-04:00',
    ['2026-11-01T02:00-05:00', '2026-11-01T04:00-05:00', '2026-11-01T06:00-05:00'],
    'differs',
  ],
  [
    'America/New_York',
    'autumn',
    '15 1,2 * * *',
    '2026-10-31T12:00-04:00',
    ['2026-11-01T01:15-04:00', '2026-11-01T01:15-05:00', '2026-11-01T02:15-05:00'],
    'agrees',
  ],
  [
    'America/New_York',
    'autumn',
    '*/20 1 * * *',
    '2026-11-01T00:50-04:00',
    [
      '2026-11-01T01:00-04:00',
      '2026-11-01T01:20-04:00',
      '2026-11-01T01:40-04:00',
      '2026-11-01T01:00-05:00',
      '2026-11-01T01:20-05:00',
      '2026-11-01T01:40-05:00',
      '2026-11-02T01:00-05:00',
    ],
    'differs',
  ],
  [
    'America/New_York',
    'autumn',
    '0 0 * * *',
    '2026-10-31T12:00-04:00',
    ['2026-11-01T00:00-04:00', '2026-11-02T00:00-05:00', '2026-11-03T00:00-05:00'],
    'agrees',
  ],
  [
    'Australia/Lord_Howe',
    'spring',
    '0 2 * * *',
    '2026-10-03T12:30+10:30',
    ['2026-10-04T02:30+11:00', '2026-10-05T02:00+11:00', '2026-10-06T02:00+11:00'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'spring',
    '15 2 * * *',
    '2026-10-03T12:30+10:30',
    ['2026-10-04T02:30+11:00', '2026-10-05T02:15+11:00', '2026-10-06T02:15+11:00'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'spring',
    '45 1 * * *',
    '2026-10-03T12:30+10:30',
    ['2026-10-04T01:45+10:30', '2026-10-05T01:45+11:00', '2026-10-06T01:45+11:00'],
    'agrees',
  ],
  [
    'Australia/Lord_Howe',
    'spring',
    '*/15 * * * *',
    '2026-10-04T01:20+10:30',
    [
      '2026-10-04T01:30+10:30',
      '2026-10-04T01:45+10:30',
      '2026-10-04T02:30+11:00',
      '2026-10-04T02:45+11:00',
      '2026-10-04T03:00+11:00',
    ],
    'agrees',
  ],
  [
    'Australia/Lord_Howe',
    'spring',
    '0 * * * *',
    '2026-10-04T00:50+10:30',
    ['2026-10-04T01:00+10:30', '2026-10-04T03:00+11:00', '2026-10-04T04:00+11:00'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'spring',
    '*/10 2 * * *',
    '2026-10-04T00:50+10:30',
    ['2026-10-04T02:30+11:00', '2026-10-04T02:40+11:00', '2026-10-04T02:50+11:00', '2026-10-05T02:00+11:00'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'spring',
    '0 0 * * *',
    '2026-10-03T12:30+10:30',
    ['2026-10-04T00:00+10:30', '2026-10-05T00:00+11:00', '2026-10-06T00:00+11:00'],
    'agrees',
  ],
  [
    'Australia/Lord_Howe',
    'autumn',
    '0 2 * * *',
    '2026-04-04T13:00+11:00',
    ['2026-04-05T02:00+10:30', '2026-04-06T02:00+10:30', '2026-04-07T02:00+10:30'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'autumn',
    '15 2 * * *',
    '2026-04-04T13:00+11:00',
    ['2026-04-05T02:15+10:30', '2026-04-06T02:15+10:30', '2026-04-07T02:15+10:30'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'autumn',
    '45 1 * * *',
    '2026-04-04T13:00+11:00',
    ['2026-04-05T01:45+11:00', '2026-04-06T01:45+10:30', '2026-04-07T01:45+10:30'],
    'agrees',
  ],
  [
    'Australia/Lord_Howe',
    'autumn',
    '*/15 * * * *',
    '2026-04-05T01:20+11:00',
    [
      '2026-04-05T01:30+11:00',
      '2026-04-05T01:45+11:00',
      '2026-04-05T01:30+10:30',
      '2026-04-05T01:45+10:30',
      '2026-04-05T02:00+10:30',
    ],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'autumn',
    '0 * * * *',
    '2026-04-05T00:50+11:00',
    ['2026-04-05T01:00+11:00', '2026-04-05T02:00+10:30', '2026-04-05T03:00+10:30'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'autumn',
    '*/10 2 * * *',
    '2026-04-05T00:50+11:00',
    ['2026-04-05T02:00+10:30', '2026-04-05T02:10+10:30', '2026-04-05T02:20+10:30'],
    'differs',
  ],
  [
    'Australia/Lord_Howe',
    'autumn',
    '0 0 * * *',
    '2026-04-04T13:00+11:00',
    ['2026-04-05T00:00+11:00', '2026-04-06T00:00+10:30', '2026-04-07T00:00+10:30'],
    'agrees',
  ],
];

describe('around a change of the clocks', () => {
  it.each(CASES)(
    'in %s, %s, "%s" after %s is due at %j; the package cron %s',
    (timeZone, _change, cron, after, due, cronPackage) => {
      const rule: CronRule = { kind: 'cron', cron, timeZone };
      const expected = due.map(instant);
      const span = [Date.parse(after), Date.parse(expected.at(-1) ?? '')] as const;

      expect(forward(rule, instant(after), due.length), 'looking forward').toEqual(expected);
      const all = dueBetween(rule, ...span, due.length);
      expect(all, 'looking from one end to the other').toEqual({
        moments: expected.map((text) => Date.parse(text)),
        older: null,
      });
      const butOne = dueBetween(rule, ...span, due.length - 1);
      expect(butOne.moments, 'looking back from the end').toEqual(
        expected.slice(1).map((text) => Date.parse(text)),
      );
      expect(butOne.older, 'counting').toMatchObject({ count: 1, fromMs: Date.parse(expected[0] ?? '') });
      const other = otherImplementation(rule, instant(after), due.length);
      expect(isSame(other, expected), `cron says ${other.join(' ')}`).toBe(cronPackage === 'agrees');
    },
  );
});

it('covers at least forty cases over three zones, in both directions', () => {
  expect(CASES.length).toBeGreaterThanOrEqual(40);
  expect(new Set(CASES.map(([zone, change]) => `${zone} ${change}`)).size).toBe(6);
});

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.join() === others.join();
}

function instant(text: string): string {
  return new Date(text).toISOString();
}

function forward(rule: CronRule, after: string, count: number): string[] {
  const found: string[] = [];
  let ms: number | null = Date.parse(after);
  while (found.length < count && ms !== null) {
    ms = nextDue(rule, ms);
    if (ms !== null) found.push(new Date(ms).toISOString());
  }
  return found;
}

function otherImplementation(rule: CronRule, after: string, count: number): string[] {
  const time = new CronTime(rule.cron, rule.timeZone);
  const found: string[] = [];
  let at = new Date(after);
  while (found.length < count) {
    at = time.getNextDateFrom(at, rule.timeZone).toJSDate();
    found.push(at.toISOString());
  }
  return found;
}
