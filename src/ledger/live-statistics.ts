import { Injectable } from '@nestjs/common';
import { MINUTE, monotonicMs } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';

/** From so many arrivals within a minute on, what PostgreSQL believes of the table matters. */
const FIRST_DUE = 2_000;

/**
 * Tells PostgreSQL when a backlog arrives. A connection keeps the plans of its prepared statements, and one that was made while
 * nothing was queued reads the whole table for every batch of starts and ends, until the next ANALYZE: autovacuum's comes
 * up to a minute later. (A burst of 300,000 tasks met an idle worker: 4,000 a second, afterwards 20,000.)
 *
 * So whoever accepts has the table analyzed at 2,000 tasks, 4,000, 8,000 … of a minute: about 50 ms each, ten times at most.
 */
@Injectable()
export class LiveStatistics {
  private sinceMs = -Infinity;
  private count = 0;
  private due = FIRST_DUE;

  constructor(private readonly postgres: Postgres) {}

  /** So many tasks have been committed. */
  arrived(tasks: number): void {
    const now = monotonicMs();
    if (now - this.sinceMs >= MINUTE) {
      this.sinceMs = now;
      this.count = 0;
      this.due = FIRST_DUE;
    }
    this.count += tasks;
    if (this.count < this.due) return;
    this.due = 2 * this.count;
    // Not allowed to, or busy with the same (autovacuum): then its own comes in the end.
    this.postgres.query({ text: 'ANALYZE (SKIP_LOCKED) shiftwork.live' }).catch(() => undefined);
  }
}
