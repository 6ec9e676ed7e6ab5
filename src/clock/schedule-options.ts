import { DAY, HOUR } from '../foundation/index.js';
import type { EnqueueOptions } from '../tasks/index.js';

/** Options of the tasks that a schedule makes. */
export type TickOptions = Pick<EnqueueOptions, 'key' | 'priority' | 'attempts' | 'timeout'>;

/** How a schedule behaves, beside when it is due and what it enqueues. */
export interface ScheduleBehaviour {
  /** IANA name in which a cron pattern is read. Default `UTC`. An interval and a date know no time zone. */
  readonly timeZone?: string | undefined;
  /**
   * What becomes of ticks that could not be enqueued in time, because no clock ran or all were drained: `once` (default)
   * fires the newest and coalesces the others into it, `all` fires each of the newest `misfireLimit`, `skip` fires none.
   */
  readonly misfire?: 'skip' | 'once' | 'all' | undefined;
  /** For `all`: 1 to 1000, default 100. */
  readonly misfireLimit?: number | undefined;
  /** ms. A tick that is later than this is missed whatever the policy. Default one hour. */
  readonly misfireGrace?: number | undefined;
  /** `skip`: a tick that finds a task of this schedule still under way makes none. Default `allow`. */
  readonly overlap?: 'allow' | 'skip' | undefined;
  /** Default true. A person who pauses or resumes it later has the last word. */
  readonly enabled?: boolean | undefined;
  /** For the enqueued tasks; what is left out comes from the job. */
  readonly options?: TickOptions | undefined;
}

export const DEFAULTS = {
  timeZone: 'UTC',
  misfire: 'once',
  misfireLimit: 100,
  misfireGraceMs: HOUR,
  overlap: 'allow',
} as const;

export const LIMITS = {
  everyMs: { least: 1_000, most: 3_660 * DAY },
  misfireLimit: { least: 1, most: 1_000 },
  misfireGraceMs: { least: 0, most: 3_660 * DAY },
  cronLength: 200,
} as const;

/** At least so many missed ticks are named one by one; older ones share a row. */
export const NAMED_TICKS = 100;

/** The options of the tasks that a schedule of the ledger makes. */
export function tickOptions(row: { readonly options: Readonly<Record<string, unknown>> }): TickOptions {
  return row.options; // checked when the schedule was written
}
