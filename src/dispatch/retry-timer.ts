const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2_000;

/** When to try again what Redis, or the ledger, did not take: after 100 ms, 200 ms … at most 2 s for each failure in a row. */
export class RetryTimer {
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly retry: () => void) {}

  /** Whether an attempt is still to come. */
  get isWaiting(): boolean {
    return this.timer !== undefined;
  }

  /** Whether the last attempt failed. */
  get hasFailed(): boolean {
    return this.failures > 0;
  }

  /** Counts a failure and calls `retry` after the pause. Does nothing while an attempt is still to come. */
  failed(): void {
    if (this.isWaiting) return;
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.failures, LAST_RETRY_MS);
    this.failures++;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.retry();
    }, waitMs).unref();
  }

  succeeded(): void {
    this.failures = 0;
  }

  /** Forgets the attempt to come, not the failures. */
  cancel(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
