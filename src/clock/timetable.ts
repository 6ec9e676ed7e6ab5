import { compile } from './cron-pattern.js';
import { countCron } from './cron-count.js';
import type { CronRule, EveryRule, Range, Rule } from './rule.js';

/**
 * Pure: which moments a rule is due at. Time zones and daylight saving are here, and are croner's:
 * - A fixed time (one hour, one minute) that the spring gap swallows is due at the first moment after the gap; one that
 *   the autumn hour repeats is due once, the first time.
 * - A pattern with steps, ranges or lists runs by elapsed time: it leaves out what the gap swallows and runs in both of
 *   the repeated hours.
 * All instants are epoch milliseconds.
 */

/** The first due moment after `afterMs`, or null when there is none any more. */
export function nextDue(rule: Rule, afterMs: number): number | null {
  switch (rule.kind) {
    case 'cron':
      return compile(rule.cron, rule.timeZone).nextRun(new Date(afterMs))?.getTime() ?? null;
    case 'every':
      return rule.anchorMs + (roundsAt(rule, afterMs) + 1) * rule.everyMs;
    case 'at':
      return rule.atMs > afterMs ? rule.atMs : null;
  }
}

/** What is due in (after, until]: the newest `newest` one by one, oldest first, and what is older than those as a range. */
export interface Due {
  readonly moments: readonly number[];
  readonly older: Range | null;
}

/** Due moments after `afterMs`, up to and with `untilMs`. */
export function dueBetween(rule: Rule, afterMs: number, untilMs: number, newest: number): Due {
  if (rule.kind === 'every') return everyBetween(rule, afterMs, untilMs, newest);
  const first = firstFew(rule, afterMs, untilMs, newest);
  if (first !== undefined) return { moments: first, older: null };
  // Only a cron pattern has more moments than one.
  return rule.kind === 'cron' ? cronBetween(rule, afterMs, untilMs, newest) : { moments: [], older: null };
}

function everyBetween(rule: EveryRule, afterMs: number, untilMs: number, newest: number): Due {
  const first = roundsAt(rule, afterMs) + 1;
  const last = roundsAt(rule, untilMs);
  const at = (round: number): number => rule.anchorMs + round * rule.everyMs;
  const from = Math.max(first, last - newest + 1);
  const moments = Array.from({ length: Math.max(0, last - from + 1) }, (_, i) => at(from + i));
  const older = from > first ? { fromMs: at(first), untilMs: at(from - 1), count: from - first } : null;
  return { moments, older };
}

// Whole intervals between the anchor and a moment; the anchor itself is not a due moment.
function roundsAt(rule: EveryRule, ms: number): number {
  return Math.max(0, Math.floor((ms - rule.anchorMs) / rule.everyMs));
}

// Undefined: there are more than `newest`.
function firstFew(rule: Rule, afterMs: number, untilMs: number, newest: number): number[] | undefined {
  const moments: number[] = [];
  for (let due = nextDue(rule, afterMs); due !== null && due <= untilMs; due = nextDue(rule, due)) {
    if (moments.length === newest) return undefined;
    moments.push(due);
  }
  return moments;
}

function cronBetween(rule: CronRule, afterMs: number, untilMs: number, newest: number): Due {
  const pattern = compile(rule.cron, rule.timeZone);
  // One more than asked for: the end of the older range. croner leaves out the reference itself, hence the extra ms.
  const backwards = pattern.previousRuns(newest + 1, new Date(untilMs + 1)).map((run) => run.getTime());
  const moments = backwards.slice(0, newest).reverse();
  const lastOlder = backwards[newest];
  const firstOlder = nextDue(rule, afterMs);
  if (lastOlder === undefined || firstOlder === null || lastOlder <= afterMs)
    return { moments: moments.filter((due) => due > afterMs), older: null };
  return {
    moments,
    older: { fromMs: firstOlder, untilMs: lastOlder, count: countCron(rule, afterMs, lastOlder) },
  };
}
