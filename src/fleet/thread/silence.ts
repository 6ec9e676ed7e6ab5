import { CUT_OFF_AFTER_MS, DEAD_AFTER_MS } from '../times.js';

/** One look at the time counts at most this much towards being cut off: a thread that was starved was not refused. */
const MOST_PER_LOOK_MS = 1_000;

/**
 * When must a process assume that others presume it dead? Pure: the times are passed in.
 * Either it was not there itself (SIGSTOP, a suspended machine: a gap between two looks longer than D, by the monotonic or the
 * wall clock, of which only the second runs on in a suspended machine), or it was there and could prove it to nobody.
 */
export class Silence {
  private lastMonotonicMs: number;
  private lastWallMs: number;
  private unprovenMs = 0;

  constructor(monotonicMs: number, wallMs: number) {
    this.lastMonotonicMs = monotonicMs;
    this.lastWallMs = wallMs;
  }

  /** Answers for how long we were silent when that is too long, otherwise null. */
  look(monotonicMs: number, wallMs: number): number | null {
    const gapMs = Math.max(monotonicMs - this.lastMonotonicMs, wallMs - this.lastWallMs, 0);
    this.lastMonotonicMs = monotonicMs;
    this.lastWallMs = wallMs;
    this.unprovenMs += Math.min(gapMs, MOST_PER_LOOK_MS);
    if (gapMs > DEAD_AFTER_MS) return gapMs;
    return this.unprovenMs > CUT_OFF_AFTER_MS ? this.unprovenMs : null;
  }

  /** A beat arrived somewhere; it was sent `agoMs` before. */
  proved(agoMs: number): void {
    this.unprovenMs = Math.min(agoMs, this.unprovenMs);
  }
}
