/** Only what will start within this long is fetched before a slot is free for it. */
const AHEAD_MS = 50;
/** And never more than this, however short the runs are: what is ahead cannot be taken by an idle worker. */
const MOST_AHEAD = 200;
/** Runs that are remembered. */
const SAMPLES = 64;

/**
 * Pure: how many entries a lane may fetch beyond its free slots. Counted in time, not in slots: nobody may wait behind a
 * long run here while another worker idles. Three bounds, the smallest holds:
 * - what all slots finish in `AHEAD_MS` at the median of the recent runs;
 * - what really ended in `AHEAD_MS` lately (runs that share one processor end slower than their median says);
 * - trust: 0 at first and after each entry that came too late, one more for each run that ended.
 */
export class RunWindow {
  private readonly durations = new Float64Array(SAMPLES);
  private readonly ends = new Float64Array(SAMPLES);
  private count = 0;
  private trust = 0;
  private limit = 0;
  private nextLook = 1;

  constructor(private readonly slots: number) {}

  /** Entries beyond the free slots, 0 … 200. */
  get ahead(): number {
    return Math.min(this.trust, this.limit);
  }

  /** A run ended now (monotonic ms) after `durationMs`. */
  noteEnd(nowMs: number, durationMs: number): void {
    const at = this.count % SAMPLES;
    this.durations[at] = durationMs;
    this.ends[at] = nowMs;
    this.count++;
    if (this.trust < MOST_AHEAD) this.trust++;
    if (this.count < this.nextLook) return;
    this.nextLook = this.count < SAMPLES / 2 ? this.count * 2 : this.count + SAMPLES / 2; // 1, 2, 4 … 32, then every 32
    this.limit = this.limitNow(nowMs);
  }

  /** An entry was fetched ahead and had to go back: nothing is fetched ahead until runs have ended again. */
  noteLate(): void {
    this.trust = 0;
  }

  private limitNow(nowMs: number): number {
    const known = Math.min(this.count, SAMPLES);
    const sorted = this.durations.slice(0, known).sort();
    const medianMs = sorted[known >> 1] ?? 0;
    const oldestMs = this.ends[this.count > SAMPLES ? this.count % SAMPLES : 0] ?? nowMs;
    const byMedian = (this.slots * AHEAD_MS) / medianMs;
    const byRate = (known * AHEAD_MS) / (nowMs - oldestMs);
    return Math.floor(Math.min(MOST_AHEAD, byMedian, byRate));
  }
}
