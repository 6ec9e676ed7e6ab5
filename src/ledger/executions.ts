import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { SETTINGS, type Settings } from '../config/index.js';
import { Postgres } from '../postgres/index.js';
import type { EndOfRun, FinishedRun, Recorded } from './end-of-run.js';
import { HotStatements } from './hot-statements.js';
import { LateCommits } from './late-commits.js';
import { RunEnds } from './run-ends.js';
import { RunStarts, type Claimed, type Released, type Started } from './run-starts.js';
import type { Refused } from './standings.js';

/**
 * Starts and ends of executions, group-committed: every write says which claim it belongs to, and a claim that is no
 * longer the row's changes nothing.
 *
 * Ends are written until they are: while PostgreSQL is away they wait here, and the bound on unrecorded ends (worker)
 * is what keeps memory in check.
 */
@Injectable()
export class Executions {
  private readonly starts: RunStarts;
  private readonly ends: RunEnds;

  constructor(postgres: Postgres, @Inject(SETTINGS) settings: Settings) {
    const hot = new HotStatements(postgres);
    const late = new LateCommits(postgres);
    this.starts = new RunStarts(postgres, hot, late);
    this.ends = new RunEnds(postgres, hot, late, settings);
  }

  /**
   * Commits STARTED for many deliveries at once; an answer for each, in order. Everybody sees these commits, and they are on
   * the way to the disk: should PostgreSQL itself crash in these milliseconds, the task is run again. `waitsForDisk` is for
   * jobs that must not be; default: false, but for the minute after a connection has broken.
   *
   * Throws `LedgerUnavailableError` when the server is away: nothing was started, or it was and the same call may be repeated (a
   * row that carries the same claim counts as started).
   */
  start(
    worker: string,
    deliveries: readonly Claimed[],
    { waitsForDisk = false }: { readonly waitsForDisk?: boolean } = {},
  ): Promise<(Started | Refused)[]> {
    return this.starts.start({ worker, deliveries, waitsForDisk });
  }

  /** Writes the end of a run and answers what was written. Resolves when it is committed; waits while PostgreSQL is away. */
  end(end: EndOfRun): Promise<Recorded> {
    return this.ends.end(end);
  }

  /** Writes FINISHED inside the job's own transaction. Throws `ClaimLostError` when the task is somebody else's now. */
  finishIn(manager: EntityManager, run: FinishedRun): Promise<void> {
    return this.ends.finishIn(manager, run);
  }

  /** Takes starts back that did not run after all, and answers for each what became of its task. Group-committed. */
  release(starts: readonly Claimed[]): Promise<Released[]> {
    return this.starts.release(starts);
  }

  /** Those of these claims that are not, or no longer, the rows'. Throws `LedgerUnavailableError`. */
  lostOf(claims: readonly Claimed[]): Promise<ReadonlySet<string>> {
    return this.starts.lostOf(claims);
  }

  /** Ends not yet committed. */
  get unrecorded(): number {
    return this.ends.size;
  }

  /** Resolves when every end given so far is committed. */
  flush(): Promise<void> {
    return this.ends.idle();
  }
}
