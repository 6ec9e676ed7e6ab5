import { describe, expect, it } from 'vitest';
import { decide, type Misfire, type MisfireRules, type Presence } from '../../../src/clock/misfire-policy.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const NOW = Date.parse('2026-11-25T12:00:00Z');

const rules = (misfire: Misfire, more: Partial<MisfireRules> = {}): MisfireRules => ({
  misfire,
  limit: 100,
  graceMs: HOUR,
  ...more,
});
const present: Presence = { nowMs: NOW, actingSinceMs: NOW - HOUR, drainedSinceMs: null };
/** A clock that came back a moment ago. */
const absent: Presence = { nowMs: NOW, actingSinceMs: NOW - 5, drainedSinceMs: null };
/** Every second of the last `count`, the newest half a second ago. */
const seconds = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => NOW - 500 - (count - 1 - i) * SECOND);
const verdicts = (
  due: readonly number[],
  policy: MisfireRules,
  presence: Presence,
  periodMs: number | null = SECOND,
): string[] => decide({ moments: due, older: null }, periodMs, policy, presence).map((it) => it.verdict);

describe('a tick that is in time', () => {
  it.each(['skip', 'once', 'all'] as const)('fires under the policy %s', (misfire) => {
    expect(verdicts([NOW - 20], rules(misfire), present)).toEqual(['fire']);
  });

  it('still is when the ledger was away for a while under a clock that was there', () => {
    expect(verdicts([NOW - 20 * SECOND], rules('skip'), present, HOUR)).toEqual(['fire']);
  });

  // Proven: it once was in time however late it was.
  it('no longer is after half a minute, or later than its grace', () => {
    expect(verdicts([NOW - 31 * SECOND], rules('skip'), present, HOUR)).toEqual(['skipped']);
    expect(verdicts([NOW - 31 * SECOND], rules('once'), present, HOUR)).toEqual(['fire']);
    expect(verdicts([NOW - 20 * SECOND], rules('once', { graceMs: 5 * SECOND }), present, HOUR)).toEqual([
      'missed',
    ]);
    expect(verdicts([NOW - 12 * SECOND], rules('once', { graceMs: 5 * SECOND }), absent, HOUR)).toEqual([
      'missed',
    ]);
  });

  it('still is when another clock took over within seconds, unless the next tick follows at once', () => {
    expect(verdicts([NOW - 12 * SECOND], rules('skip'), absent, 24 * HOUR)).toEqual(['fire']);
    expect(verdicts([NOW - 12 * SECOND], rules('skip'), absent, 60 * SECOND)).toEqual(['fire']);
    expect(verdicts([NOW - 12 * SECOND], rules('skip'), absent, null)).toEqual(['fire']);
    expect(verdicts([NOW - 16 * SECOND], rules('skip'), absent, 60 * SECOND)).toEqual(['skipped']);
    expect(verdicts([NOW - 500], rules('skip'), absent, SECOND)).toEqual(['skipped']);
  });

  it('fires beside its neighbour after a short hiccup', () => {
    expect(verdicts(seconds(2), rules('once'), present)).toEqual(['fire', 'fire']);
  });
});

describe('a clock that was down over ten ticks', () => {
  it('fires none of them under skip', () => {
    expect(verdicts(seconds(10), rules('skip'), absent)).toEqual(Array(10).fill('skipped'));
  });

  it('fires the newest under once and marks the others as coalesced', () => {
    expect(verdicts(seconds(10), rules('once'), absent)).toEqual([
      ...Array<string>(9).fill('coalesced'),
      'fire',
    ]);
  });

  it('fires all ten under all', () => {
    expect(verdicts(seconds(10), rules('all'), absent)).toEqual(Array(10).fill('fire'));
  });

  it('fires the newest up to the limit under all, and marks the others as missed', () => {
    expect(verdicts(seconds(10), rules('all', { limit: 3 }), absent)).toEqual([
      ...Array<string>(7).fill('missed'),
      'fire',
      'fire',
      'fire',
    ]);
  });

  it.each(['skip', 'once', 'all'] as const)(
    'marks what is later than the grace as missed under %s',
    (misfire) => {
      const decisions = decide(
        { moments: seconds(10), older: null },
        SECOND,
        rules(misfire, { graceMs: 4 * SECOND }),
        absent,
      );
      expect(decisions.slice(0, 6).map((it) => [it.verdict, it.reason])).toEqual(
        Array(6).fill(['missed', 'grace']),
      );
      expect(decisions.slice(6).some((it) => it.verdict === 'missed')).toBe(false);
      expect(decisions[0]?.lateByMs).toBe(9_500);
    },
  );

  it('fires nothing at all when even the newest is too late', () => {
    expect(verdicts([NOW - 2 * HOUR], rules('once'), absent, HOUR)).toEqual(['missed']);
  });

  it('coalesces into the one that is in time', () => {
    const due = [NOW - 3 * HOUR, NOW - 2 * HOUR, NOW - HOUR, NOW - 10];
    expect(
      verdicts(due, rules('once', { graceMs: 24 * HOUR }), { ...absent, actingSinceMs: NOW - 60 }, HOUR),
    ).toEqual(['coalesced', 'coalesced', 'coalesced', 'fire']);
  });

  it('writes one row for what is older than the newest', () => {
    const [range, ...rest] = decide(
      { moments: seconds(2), older: { fromMs: NOW - 9 * SECOND, untilMs: NOW - 3 * SECOND, count: 7 } },
      SECOND,
      rules('once'),
      absent,
    );
    expect(range).toMatchObject({
      dueMs: NOW - 9 * SECOND,
      untilMs: NOW - 3 * SECOND,
      count: 7,
      verdict: 'coalesced',
    });
    expect(rest.map((it) => it.verdict)).toEqual(['coalesced', 'fire']);
  });
});

describe('ticks that fell into a drain', () => {
  const resumed: Presence = { nowMs: NOW, actingSinceMs: NOW - 100, drainedSinceMs: NOW - 60 * SECOND };

  it('are skipped with that reason under skip', () => {
    const decisions = decide({ moments: [NOW - 20 * SECOND], older: null }, HOUR, rules('skip'), resumed);
    expect(decisions).toMatchObject([{ verdict: 'skipped', reason: 'drain' }]);
  });

  it('are caught up by the policy otherwise, and say why they are late', () => {
    const decisions = decide({ moments: [NOW - 20 * SECOND], older: null }, HOUR, rules('once'), resumed);
    expect(decisions).toMatchObject([{ verdict: 'fire', reason: 'drain', lateByMs: 20 * SECOND }]);
  });
});
