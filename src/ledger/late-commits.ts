import type { Postgres } from '../postgres/index.js';
import { ON_DISK } from './on-disk.js';

/** Usually another commit that waits for the disk comes sooner, such as the end of a short job; of a busy worker within a millisecond. ms. */
const FOLLOW_AFTER_MS = 10;

/**
 * Follows commits that do not wait for the disk with one that does, unless another such commit has come after them. So a crash of
 * PostgreSQL can lose some milliseconds of them. Left to PostgreSQL's own log writer it would be up to three `wal_writer_delay`,
 * which is 600 ms.
 */
export class LateCommits {
  private made = 0;
  private kept = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly postgres: Pick<Postgres, 'query'>) {}

  /** Something was committed that may not be on the disk yet. */
  add(): void {
    this.made++;
    if (this.timer === undefined) this.lookLater();
  }

  /** Call it before a commit that waits for the disk is sent, and call what it answers once that commit has written something. */
  takeAlong(): () => void {
    const { made } = this;
    return () => {
      this.kept = Math.max(this.kept, made);
    };
  }

  private lookLater(): void {
    const { made } = this;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.kept < made) void this.follow();
      else if (this.kept < this.made) this.lookLater();
    }, FOLLOW_AFTER_MS).unref();
  }

  private async follow(): Promise<void> {
    const kept = this.takeAlong();
    // Away: whatever has not reached the disk will be run again.
    await this.postgres.query(ON_DISK).then(kept, () => undefined);
  }
}
