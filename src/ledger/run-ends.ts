import type { EntityManager } from 'typeorm';
import type { Settings } from '../config/index.js';
import { asError, Batcher, pause, Waiters } from '../foundation/index.js';
import { isUnavailable, type Postgres } from '../postgres/index.js';
import {
  finishedOf,
  finishOneValues,
  finishValues,
  isAboutTheRow,
  isOfAJob,
  isOfTheServer,
  judge,
  notStorable,
  type EndOfRun,
  type FinishedRun,
  type Lookup,
  type Recorded,
  type Written,
} from './end-of-run.js';
import { END, FINISH, FINISH_IN, FINISH_ONE } from './executions-sql.js';
import type { HotStatements } from './hot-statements.js';
import type { LateCommits } from './late-commits.js';
import { ClaimLostError } from './ledger-errors.js';
import { standingsOf } from './standings.js';
import type { TaskStatus } from './task-status.js';

interface FinishedRow {
  finished: number;
}

/** Flights of successes. Two keep a fast disk busy; where a commit takes 10 ms, a third brings a tenth more at 50 slots. */
const FINISH_FLIGHTS = 3;

/**
 * Writes ends until they are written: through an absent server, around a locked row, and past one that PostgreSQL refuses.
 * Successes have batches of their own, whose statement is the shorter one.
 */
export class RunEnds {
  private readonly finishes: Batcher<EndOfRun, Recorded>;
  private readonly others: Batcher<EndOfRun, Recorded>;
  private alone = 0;
  private readonly aloneDone = new Waiters();

  constructor(
    private readonly postgres: Postgres,
    private readonly hot: HotStatements,
    private readonly late: LateCommits,
    private readonly settings: Pick<Settings, 'release'>,
  ) {
    this.finishes = new Batcher((ends) => this.persist(ends, (some) => this.writeFinishes(some)), {
      maxItems: 200,
      inFlight: FINISH_FLIGHTS,
    });
    this.others = new Batcher((ends) => this.persist(ends, (some) => this.writeEnds(some)), {
      maxItems: 200,
      inFlight: 2,
    });
  }

  /** Resolves with what was written, when it is committed; waits while PostgreSQL is away. */
  end(end: EndOfRun): Promise<Recorded> {
    const isBrisk = end.status === 'FINISHED' && end.mayBeLocked !== true;
    return (isBrisk ? this.finishes : this.others).add(end);
  }

  /** Ends not yet committed. */
  get size(): number {
    return this.finishes.size + this.others.size + this.alone;
  }

  async idle(): Promise<void> {
    await this.finishes.idle();
    await this.others.idle();
    await this.aloneDone.until(() => this.alone === 0);
  }

  /** Writes FINISHED inside the job's own transaction. Throws `ClaimLostError` when the task is somebody else's now. */
  async finishIn(manager: EntityManager, run: FinishedRun): Promise<void> {
    const values = finishOneValues(run);
    const [row] = await this.postgres.queryIn<FinishedRow>(manager, FINISH_IN, values);
    if (row?.finished !== 1) throw new ClaimLostError(run.id);
  }

  /**
   * Judges the ends that the statement did not write. A row that carries my claim and the intended status was written by
   * this very end before its connection broke (rule 6). One that is still mine and STARTED was locked: tried again alone.
   */
  private async complete(ends: readonly EndOfRun[], written: Lookup): Promise<(Written | Error)[]> {
    const outcomes = ends.map(written);
    const missing = ends.filter((_, i) => outcomes[i] === undefined);
    if (missing.length === 0) return outcomes.filter((outcome) => outcome !== undefined);
    const standings = await standingsOf(
      this.postgres,
      missing.map((end) => end.id),
    );
    return ends.map((end, i) => {
      const outcome = outcomes[i];
      if (outcome !== undefined) return outcome;
      return judge(end, standings.get(end.id)) ?? heardOf(this.endAlone(end));
    });
  }

  private async writeFinishes(ends: readonly EndOfRun[]): Promise<(Written | Error)[]> {
    return this.complete(ends, await this.finish(ends));
  }

  private async writeEnds(ends: readonly EndOfRun[]): Promise<(Written | Error)[]> {
    return this.complete(ends, await this.write(ends));
  }

  private async finish(ends: readonly EndOfRun[]): Promise<Lookup> {
    const [only] = ends;
    const kept = this.late.takeAlong();
    const [row] =
      only !== undefined && ends.length === 1
        ? await this.hot.query<FinishedRow>(FINISH_ONE, finishOneValues(only))
        : await this.hot.query<FinishedRow>(FINISH, finishValues(ends));
    const finished = row?.finished ?? 0;
    if (finished > 0) kept();
    return finishedOf(ends, finished);
  }

  private async finishCarefully(end: EndOfRun): Promise<Lookup> {
    const [row] = await this.postgres.query<FinishedRow>(FINISH_ONE.careful, finishOneValues(end));
    return finishedOf([end], row?.finished ?? 0);
  }

  private async write(ends: readonly EndOfRun[]): Promise<Lookup> {
    const rows = await this.postgres.query<{ id: string; status: TaskStatus }>(END, [
      ends.map((end) => end.id),
      ends.map((end) => end.claim),
      ends.map((end) => end.status),
      ends.map((end) => end.outcome),
      ends.map((end) => end.result),
      ends.map((end) => (end.error === null ? null : JSON.stringify(end.error))),
      ends.map((end) => end.dueAt?.toISOString() ?? null),
      ends.map((end) => (end.chargeAttempt ? 1 : 0)),
      ends.map((end) => (end.countInterruption ? 1 : 0)),
      ends.map((end) => end.failureKind),
      this.settings.release,
    ]);
    const statuses = new Map(rows.map((row) => [row.id, row.status]));
    return ({ id }) => {
      const status = statuses.get(id);
      return status && { kind: 'recorded', status };
    };
  }

  // The row is locked by a transaction of the job's own, or by a rescuer. Nobody else's flush waits for it: this one goes
  // its own way, and its caller gets a promise.
  private async endAlone(end: EndOfRun): Promise<Recorded> {
    this.alone++;
    try {
      for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 1_000)) {
        await pause(waitMs);
        const recorded = await this.tryAlone(end);
        if (recorded !== undefined) return recorded;
      }
    } finally {
      this.alone--;
      if (this.alone === 0) this.aloneDone.wake();
    }
  }

  private async tryAlone(end: EndOfRun): Promise<Recorded | undefined> {
    try {
      const written = end.status === 'FINISHED' ? await this.finishCarefully(end) : await this.write([end]);
      return written(end) ?? judge(end, (await standingsOf(this.postgres, [end.id])).get(end.id));
    } catch (error) {
      // The server reports an error before it lets go of its locks: a refused row that is tried again at once looks locked.
      if (isAboutTheRow(error) && isOfAJob(end)) return this.end(notStorable(end, error));
      if (isUnavailable(error) || isOfTheServer(error)) return undefined;
      throw error;
    }
  }

  /** Writes until written: waits out an absent server, and takes a batch apart that holds a row PostgreSQL refuses. */
  private async persist(
    ends: readonly EndOfRun[],
    write: (ends: readonly EndOfRun[]) => Promise<(Written | Error)[]>,
  ): Promise<(Written | Error)[]> {
    if (ends.length === 0) return [];
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
      try {
        return await write(ends);
      } catch (error) {
        if (isUnavailable(error)) {
          await pause(waitMs);
          continue;
        }
        const only = ends[0];
        if (ends.length > 1 || only === undefined)
          return (await Promise.all(ends.map((end) => this.persist([end], write)))).flat();
        // Promises, not awaited here: these go the way of other ends, whose flights may all be waiting for them.
        if (isAboutTheRow(error) && isOfAJob(only)) return [heardOf(this.end(notStorable(only, error)))];
        if (isOfTheServer(error)) return [heardOf(this.endAlone(only))];
        return [asError(error)];
      }
    }
  }
}

// It may reject before the rest of its flush is done and anybody listens; its caller hears of it then.
function heardOf<T>(outcome: Promise<T>): Promise<T> {
  outcome.catch(() => undefined);
  return outcome;
}
