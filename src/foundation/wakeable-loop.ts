import { pause, monotonicMs, SECOND } from './time.js';

/**
 * A background loop: work, then sleep until due, nudged or stopped.
 *
 * `work` answers in how many ms it wants to run next (`Infinity`: only when nudged). A nudge during the work makes it
 * run once more at once, so no nudge is lost. An error never ends the loop: it is told to `onError` and the next run
 * waits 1 s, 2 s, 4 s … at most 30 s. `start` and `stop` may be called any number of times, in any order, from any side;
 * `stop` resolves when the work in flight has ended; none follows, unless a `start` came after it: that one begins then.
 */
export class WakeableLoop {
  private running: Promise<void> | undefined;
  private stopping = new AbortController();
  private sleeping = new AbortController();
  private nudged = false;
  private failures = 0;

  constructor(
    private readonly work: (signal: AbortSignal) => Promise<number>,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    const before = this.running;
    if (before !== undefined && !this.stopping.signal.aborted) return;
    this.stopping = new AbortController();
    const { signal } = this.stopping;
    this.running = before === undefined ? this.loop(signal) : before.then(() => this.loop(signal));
  }

  /** Runs the work now, or once more right after the run in flight. */
  nudge(): void {
    if (this.nudged) return; // thousands a second may come: an abort costs a DOMException with its stack
    this.nudged = true;
    this.sleeping.abort();
  }

  async stop(): Promise<void> {
    const running = this.running;
    this.stopping.abort();
    this.sleeping.abort();
    await running;
    if (this.running === running) this.running = undefined;
  }

  private async loop(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      this.nudged = false;
      const waitMs = await this.runOnce(stopped);
      await this.sleep(waitMs, stopped);
    }
  }

  private async runOnce(stopped: AbortSignal): Promise<number> {
    try {
      const waitMs = await this.work(stopped);
      this.failures = 0;
      return waitMs;
    } catch (error) {
      if (!stopped.aborted) this.onError(error);
      return Math.min(30 * SECOND, SECOND * 2 ** this.failures++);
    }
  }

  private async sleep(ms: number, stopped: AbortSignal): Promise<void> {
    const until = monotonicMs() + ms;
    for (;;) {
      this.sleeping = new AbortController();
      if (this.nudged || stopped.aborted) return;
      const leftMs = until - monotonicMs();
      if (leftMs <= 0) return;
      await pause(leftMs, this.sleeping.signal);
    }
  }
}
