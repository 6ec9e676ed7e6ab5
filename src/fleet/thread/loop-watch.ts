/** One look counts at most this much: a thread that was frozen with its process has not seen the loop blocked. */
const MOST_PER_LOOK_MS = 1_000;

/** For how long the main loop has not ticked. Pure: the times are passed in. */
export class LoopWatch {
  private lastMs: number;
  private lastTick: number;
  /** Since the last tick, ms; up to a second is the tick's own period. */
  sinceTickMs = 0;

  constructor(nowMs: number, tick: number) {
    this.lastMs = nowMs;
    this.lastTick = tick;
  }

  /** Answers whether the loop has ticked since the last look. */
  look(nowMs: number, tick: number): boolean {
    const passedMs = Math.min(nowMs - this.lastMs, MOST_PER_LOOK_MS);
    this.lastMs = nowMs;
    if (tick === this.lastTick) {
      this.sinceTickMs += passedMs;
      return false;
    }
    this.lastTick = tick;
    this.sinceTickMs = 0;
    return true;
  }
}
