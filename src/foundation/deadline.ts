import { monotonicMs } from './time.js';

/** A moment by which something must be over. Computed once, passed down; nobody below starts a fresh timeout. */
export class Deadline {
  private constructor(private readonly atMonotonicMs: number) {}

  /** The moment `ms` from now. */
  static after(ms: number): Deadline {
    return new Deadline(monotonicMs() + ms);
  }

  /** The same moment, `ms` earlier: what is left when something still has to follow. */
  before(ms: number): Deadline {
    return new Deadline(this.atMonotonicMs - ms);
  }

  /** Milliseconds left, never negative. */
  get remainingMs(): number {
    return Math.max(0, this.atMonotonicMs - monotonicMs());
  }

  get isOver(): boolean {
    return this.remainingMs === 0;
  }
}
