/** Callers that wait until a condition holds. Whoever changes something that the condition looks at calls `wake`. */
export class Waiters {
  private waiting: (() => void)[] = [];

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** Resolves once `isMet` answers true: it is asked at once, and again after each `wake`. */
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await this.next();
  }

  /** Resolves at the next `wake`. For callers that must act in the same turn in which they found the condition met. */
  next(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Has everybody who waits look again. */
  wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
