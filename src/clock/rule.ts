/** When a schedule is due: exactly one of the three. */
export type Rule = CronRule | EveryRule | AtRule;

/** Five or six fields (the sixth, first in the line, counts seconds), read in a time zone. */
export interface CronRule {
  readonly kind: 'cron';
  readonly cron: string;
  readonly timeZone: string;
}

/** Every so many ms, counted from the moment the rule was made: an interval knows no time zone. */
export interface EveryRule {
  readonly kind: 'every';
  readonly everyMs: number;
  readonly anchorMs: number;
}

/** Once. */
interface AtRule {
  readonly kind: 'at';
  readonly atMs: number;
}

/** Due moments that are too many to be named one by one. Both ends are due moments themselves. */
export interface Range {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly count: number;
}
