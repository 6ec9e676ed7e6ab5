import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { SETTINGS, type Settings } from '../config/index.js';
import { asError, Batcher } from '../foundation/index.js';
import { bareArray, Postgres } from '../postgres/index.js';
import { finishedOf, finishValues, type EndOfRun, type Recorded, type Written } from './end-of-run.js';
import { START_AND_FINISH } from './executions-sql.js';
import { HotStatements } from './hot-statements.js';
import { RunEnds } from './run-ends.js';
import {
  RunStarts,
  type Claimed,
  type Numbered,
  type Refused,
  type Released,
  type Started,
  type StartedRow,
  type StartedRows,
} from './run-starts.js';

/** Two keep a fast disk busy. On one that confirms a commit in 10 ms, four raise the rate by a quarter and cost nothing elsewhere. */
const HOT_FLIGHTS = 4;

interface StartItem {
  readonly kind: 'start';
  readonly ids: readonly string[];
  readonly claims: readonly string[];
  readonly worker: string;
}
interface FinishItem {
  readonly kind: 'finish';
  readonly end: EndOfRun;
}

/**
 * Starts and ends of executions, group-committed: every write says which claim it belongs to, and a claim that is no
 * longer the row's changes nothing. Starts and successes of one flush share one statement and one commit.
 *
 * Ends are written until they are: while PostgreSQL is away they wait here, and the bound on unrecorded ends (worker)
 * is what keeps memory in check.
 */
@Injectable()
export class Executions {
  private readonly starts: RunStarts;
  private readonly ends: RunEnds;
  private readonly hot: Batcher<StartItem | FinishItem, StartedRows | Recorded>;
  private readonly statements: HotStatements;
  private starting = 0;

  constructor(postgres: Postgres, @Inject(SETTINGS) settings: Settings) {
    this.statements = new HotStatements(postgres);
    this.starts = new RunStarts(postgres, this.statements);
    this.ends = new RunEnds(postgres, this.statements, settings);
    this.hot = new Batcher((items) => this.flushHot(items), { maxItems: 200, inFlight: HOT_FLIGHTS });
  }

  /**
   * Commits STARTED for many deliveries at once; an answer for each, in order. Throws `LedgerUnavailableError` when the
   * server is away: nothing was started, or it was and the same call may be repeated (a row that carries the same claim
   * counts as started).
   */
  async start(worker: string, deliveries: readonly Claimed[]): Promise<(Started | Refused)[]> {
    const ids = deliveries.map((each) => each.taskId);
    const claims = deliveries.map((each) => each.claim);
    this.starting++;
    const started = await this.hot.add({ kind: 'start', worker, ids, claims }).finally(() => {
      this.starting--;
    });
    return this.starts.answer(deliveries, started as StartedRows); // a start item gets the started rows
  }

  /** Writes the end of a run and answers what was written. Resolves when it is committed; waits while PostgreSQL is away. */
  end(end: EndOfRun): Promise<Recorded> {
    if (end.status !== 'FINISHED' || end.mayBeLocked === true) return this.ends.end(end);
    return this.hot.add({ kind: 'finish', end }) as Promise<Recorded>; // a finish item gets what was recorded
  }

  /** Writes FINISHED inside the job's own transaction. Throws `ClaimLostError` when the task is somebody else's now. */
  finishIn(manager: EntityManager, end: EndOfRun): Promise<void> {
    return this.ends.finishIn(manager, end);
  }

  /** Takes starts back that did not run after all, and answers for each what became of its task. Group-committed. */
  release(starts: readonly Claimed[]): Promise<Released[]> {
    return this.starts.release(starts);
  }

  /** Ends not yet committed. */
  get unrecorded(): number {
    return Math.max(0, this.hot.size - this.starting) + this.ends.size;
  }

  /** Resolves when every end given so far is committed. */
  async flush(): Promise<void> {
    await this.hot.idle();
    await this.ends.idle();
  }

  private async flushHot(
    items: readonly (StartItem | FinishItem)[],
  ): Promise<(StartedRows | Written | Error)[]> {
    const starts = items.filter((item) => item.kind === 'start');
    const ends = items.filter((item) => item.kind === 'finish').map(({ end }) => end);
    const [only] = starts;
    if (only === undefined) return this.ends.writeFinishes(ends);
    // Starts of two identities (this process has taken a new one) cannot share a statement.
    if (starts.some(({ worker }) => worker !== only.worker)) return this.flushApart(items, ends);
    try {
      const { started, recorded } = await this.startAndFinish(only.worker, starts, ends);
      return answers(items, () => started, recorded);
    } catch (error) {
      // The starts may be asked again by whoever asked; the ends must be written, each in its own right if need be.
      const recorded = await this.ends.writeFinishes(ends);
      const failure = asError(error);
      return answers(items, () => failure, recorded);
    }
  }

  private async flushApart(
    items: readonly (StartItem | FinishItem)[],
    ends: readonly EndOfRun[],
  ): Promise<(StartedRows | Written | Error)[]> {
    const recording = this.ends.writeFinishes(ends);
    const started = new Map<StartItem, StartedRows | Error>();
    for (const item of items) {
      if (item.kind === 'start')
        started.set(item, await this.starts.commit(item.worker, item.ids, item.claims).catch(asError));
    }
    return answers(
      items,
      (item) => started.get(item) ?? new Error('unreachable: one answer per start'),
      await recording,
    );
  }

  private async startAndFinish(
    worker: string,
    starts: readonly StartItem[],
    ends: readonly EndOfRun[],
  ): Promise<{ started: StartedRows; recorded: (Written | Error)[] }> {
    const ids = starts.flatMap((item) => item.ids);
    const claims = starts.flatMap((item) => item.claims);
    if (ends.length === 0) return { started: await this.starts.commit(worker, ids, claims), recorded: [] };
    const values = [worker, bareArray(ids), bareArray(claims), ...finishValues(ends)];
    const rows = await this.statements.query<Numbered<StartedRow>>(START_AND_FINISH, values);
    const started: StartedRows = new Map();
    let finished = 0;
    for (const row of rows) {
      if (row.n > 0) started.set(claims[row.n - 1] ?? '', row);
      else finished = row.execution;
    }
    return { started, recorded: await this.ends.complete(ends, finishedOf(ends, finished)) };
  }
}

/** One answer per item, in order: for a start by `startOf`, for an end the next of `recorded`. */
function answers<S, R>(
  items: readonly (StartItem | FinishItem)[],
  startOf: (item: StartItem) => S,
  recorded: readonly R[],
): (S | R | Error)[] {
  let next = 0;
  return items.map((item) =>
    item.kind === 'start'
      ? startOf(item)
      : (recorded[next++] ?? new Error('unreachable: one outcome per end')),
  );
}
