import { DAY, HOUR, MINUTE } from '../foundation/index.js';

/** When the admins hear of something again, and how often at most. All in ms. */
export interface DigestPolicy {
  /** Silence after the first, second, third … mail about a fingerprint; the last one holds from then on. */
  readonly failureIntervalsMs: readonly number[];
  /** The same for matters that are not failures (a queue without a worker): they last, so they are told less often. */
  readonly attentionIntervalsMs: readonly number[];
  /** Over all causes, counted over the last `capWindowMs`. */
  readonly capWindowMs: number;
  /** Once the cap is reached, what is due gathers for this long before the one summary. */
  readonly summaryDelayMs: number;
  /** A queue is seen without a worker twice, this far apart, before anybody is told: a deploy takes seconds. */
  readonly unservedMs: number;
}

/** Injection token of the `DigestPolicy`. */
export const DIGEST_POLICY = Symbol('shiftwork.digestPolicy');

export const DEFAULT_DIGEST_POLICY: DigestPolicy = {
  failureIntervalsMs: [MINUTE, 10 * MINUTE, HOUR],
  attentionIntervalsMs: [HOUR, 6 * HOUR, DAY],
  capWindowMs: HOUR,
  summaryDelayMs: MINUTE,
  unservedMs: MINUTE,
};
