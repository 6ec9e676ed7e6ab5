import { MINUTE, SECOND } from '../foundation/index.js';
import type { Range } from './rule.js';
import type { Due } from './timetable.js';

/** What is done with due moments that could not be enqueued in time. */
export type Misfire = 'skip' | 'once' | 'all';

export interface MisfireRules {
  readonly misfire: Misfire;
  /** `all`: at most this many are caught up, the newest. */
  readonly limit: number;
  /** A tick that is later than this is missed whatever the policy. */
  readonly graceMs: number;
}

/** Since when this clock has been acting, and the drain before that. */
export interface Presence {
  readonly nowMs: number;
  /** Ledger time since which this clock has acted without a break. */
  readonly actingSinceMs: number;
  /** The drain that ended at `actingSinceMs`, if one did. */
  readonly drainedSinceMs: number | null;
}

/** What becomes of a due moment, or of a range of them. `fire` is still subject to the overlap policy. */
export interface Decision {
  readonly dueMs: number;
  readonly untilMs: number | null;
  readonly count: number;
  readonly lateByMs: number;
  readonly verdict: 'fire' | 'coalesced' | 'skipped' | 'missed';
  readonly reason: string | null;
}

/** While the clock acts, a hiccup up to this long is no misfire. */
const IN_TIME_MS = 2 * SECOND;
/** A take-over may last that long (a lease and a beat of it) without making a misfire of a tick … */
const TAKE_OVER_MS = 30 * SECOND;
/** … unless the next tick follows so soon that nobody would wait for this one. */
const TAKE_OVER_FROM_MS = MINUTE;

/** Whether a due moment counts as enqueued in time. `periodMs`: the distance to the tick after it, null when there is none. */
function isInTime(
  dueMs: number,
  isNewest: boolean,
  periodMs: number | null,
  graceMs: number,
  presence: Presence,
): boolean {
  const lateMs = presence.nowMs - dueMs;
  if (presence.actingSinceMs <= dueMs)
    return lateMs <= IN_TIME_MS || (isNewest && lateMs <= Math.min(TAKE_OVER_MS, graceMs));
  if (isInDrain(dueMs, presence)) return false; // on purpose: then the policy has the word
  if (periodMs !== null && periodMs < TAKE_OVER_FROM_MS) return false;
  return lateMs <= Math.min(TAKE_OVER_MS, graceMs, (periodMs ?? Infinity) / 4);
}

/**
 * Pure: what becomes of everything that is due now, oldest first.
 *
 * In time ⇒ fire. Later than the grace ⇒ missed. The rest are misfires: `skip` skips them; `once` fires the newest, unless
 * one in time fires anyway, and coalesces the others into it; `all` fires the newest `limit` and misses the others.
 */
export function decide(
  due: Due,
  periodMs: number | null,
  rules: MisfireRules,
  presence: Presence,
): Decision[] {
  const newest = due.moments.at(-1);
  const inTime = new Set(
    due.moments.filter((dueMs) => isInTime(dueMs, dueMs === newest, periodMs, rules.graceMs, presence)),
  );
  const misfires = due.moments.filter(
    (dueMs) => !inTime.has(dueMs) && presence.nowMs - dueMs <= rules.graceMs,
  );
  const caughtUp = new Set(catchUp(misfires, inTime.size > 0, rules));
  const decisions = due.moments.map((dueMs): Decision => {
    const lateByMs = Math.max(0, presence.nowMs - dueMs);
    const one = { dueMs, untilMs: null, count: 1, lateByMs };
    if (inTime.has(dueMs)) return { ...one, verdict: 'fire', reason: null };
    if (caughtUp.has(dueMs)) return { ...one, verdict: 'fire', reason: reasonOf(dueMs, presence) };
    return { ...one, ...left(dueMs, rules, presence) };
  });
  return due.older === null ? decisions : [...rangeOf(due.older, rules, presence), ...decisions];
}

function catchUp(
  misfires: readonly number[],
  oneFiresAnyway: boolean,
  rules: MisfireRules,
): readonly number[] {
  switch (rules.misfire) {
    case 'skip':
      return [];
    case 'once':
      return oneFiresAnyway ? [] : misfires.slice(-1);
    case 'all':
      return misfires.slice(-rules.limit);
  }
}

// Why a misfire does not fire.
function left(dueMs: number, rules: MisfireRules, presence: Presence): Pick<Decision, 'verdict' | 'reason'> {
  if (presence.nowMs - dueMs > rules.graceMs) return { verdict: 'missed', reason: 'grace' };
  switch (rules.misfire) {
    case 'skip':
      return { verdict: 'skipped', reason: reasonOf(dueMs, presence) };
    case 'once':
      return { verdict: 'coalesced', reason: reasonOf(dueMs, presence) };
    case 'all':
      return { verdict: 'missed', reason: 'limit' };
  }
}

// A whole range is judged by its newest moment: inexact only for one that began before the grace and ends within it.
function rangeOf(range: Range, rules: MisfireRules, presence: Presence): Decision[] {
  const verdict = left(range.untilMs, rules, presence);
  return [
    {
      dueMs: range.fromMs,
      untilMs: range.untilMs,
      count: range.count,
      lateByMs: presence.nowMs - range.fromMs,
      ...verdict,
    },
  ];
}

function reasonOf(dueMs: number, presence: Presence): string {
  return isInDrain(dueMs, presence) ? 'drain' : 'misfire';
}

function isInDrain(dueMs: number, presence: Presence): boolean {
  return (
    presence.drainedSinceMs !== null && dueMs >= presence.drainedSinceMs && dueMs < presence.actingSinceMs
  );
}
