import { HOUR } from './time.js';

/** How long a failed attempt waits before the next one. `delay` in ms. */
export interface Backoff {
  readonly type: 'fixed' | 'exponential';
  readonly delay: number;
}

/** No backoff grows beyond an hour (PROTOCOL: defaults). */
export const BACKOFF_CAP_MS = HOUR;
/** Spread of ±20 %, so that tasks that failed together do not come back together. */
export const BACKOFF_JITTER = 0.2;

/**
 * Milliseconds to wait after the `attempt`-th failed attempt (first: 1). `random` is in [0, 1).
 * Exponential doubles each time: delay, 2·delay, 4·delay … up to the cap, jittered.
 */
export function backoffMs(backoff: Backoff, attempt: number, random: number): number {
  const factor = backoff.type === 'exponential' ? 2 ** Math.min(attempt - 1, 40) : 1;
  const base = Math.min(backoff.delay * factor, BACKOFF_CAP_MS);
  return Math.round(base * (1 - BACKOFF_JITTER + 2 * BACKOFF_JITTER * random));
}
