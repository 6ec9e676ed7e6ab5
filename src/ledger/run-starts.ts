import { Batcher, pause, type JsonValue } from '../foundation/index.js';
import { bareArray, type Postgres } from '../postgres/index.js';
import type { HotStatements } from './hot-statements.js';
import { RELEASE, START, START_ONE, STARTED_BY_CLAIM } from './executions-sql.js';
import { isStartedBy, standingsOf, type Standing, type Standings } from './standings.js';

/** A task that may run now: START is committed. */
export interface Started {
  readonly kind: 'started';
  readonly execution: number;
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  readonly timeoutMs: number | null;
  readonly crashes: number;
  readonly checkpoint: JsonValue;
  readonly cancelRequested: boolean;
}

/** A task that must not run here. `waiting`: due at `dueAt` (epoch ms); `taken`: another execution has it; `ended`, `unknown`: its entry is a ghost. */
export type Refused =
  | { readonly kind: 'waiting'; readonly dueAt: number }
  | { readonly kind: 'taken' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'unknown' };

/** What became of a start that was taken back: QUEUED again, and nothing is counted; or CANCELLED, as somebody had asked meanwhile. */
export type Released = 'waiting' | 'cancelled';

/** A delivery whose task is to be started, or was. */
export interface Claimed {
  readonly taskId: string;
  readonly claim: string;
}

/** What a start answers of a row. */
export interface StartedRow {
  execution: number;
  attempts_made: number;
  attempts_max: number;
  timeout_ms: number | null;
  crashes: number;
  checkpoint: JsonValue;
  cancel_requested_at: Date | null;
}

/** What was started, by claim. */
export type StartedRows = Map<string, StartedRow>;

/** `n`: which of the asked; 1 is the first. */
export type Numbered<Row> = Row & { n: number };

/** A waiting row that was locked by somebody (a cancel, a rescuer) is delivered again after this long, ms. */
const RETRY_LOCKED_MS = 500;
/** A start that could not be taken back because its row was locked is tried again after this long, ms. */
const LOCKED_AGAIN_MS = 50;

/** Starts without an end beside them, what is said of those that were refused, and starts that are taken back. */
export class RunStarts {
  private readonly releases: Batcher<Claimed, Released>;

  constructor(
    private readonly postgres: Postgres,
    private readonly hot: HotStatements,
  ) {
    this.releases = new Batcher((starts) => this.writeReleases(starts), { maxItems: 200, inFlight: 1 });
  }

  async commit(worker: string, ids: readonly string[], claims: readonly string[]): Promise<StartedRows> {
    const rows = await this.hot.query<Numbered<StartedRow>>(
      ...(ids.length === 1
        ? ([START_ONE, [worker, ids[0], claims[0]]] as const)
        : ([START, [worker, bareArray(ids), bareArray(claims)]] as const)),
    );
    return new Map(rows.map((row) => [claims[row.n - 1] ?? '', row]));
  }

  /** An answer for each delivery, in order: started, or why not. */
  async answer(deliveries: readonly Claimed[], started: StartedRows): Promise<(Started | Refused)[]> {
    const refused = deliveries.filter((each) => !started.has(each.claim));
    const standings = await standingsOf(
      this.postgres,
      refused.map((each) => each.taskId),
    );
    await this.addRepeated(started, refused, standings);
    return deliveries.map((each) => {
      const row = started.get(each.claim);
      return row === undefined ? refusal(standings.get(each.taskId)) : startedOf(row);
    });
  }

  /** Takes starts back that did not run after all, and answers for each what became of its task. Group-committed. */
  release(starts: readonly Claimed[]): Promise<Released[]> {
    return Promise.all(starts.map((each) => this.releases.add(each)));
  }

  // A start whose connection broke after the commit is asked again and finds its own claim: it is started (rule 6).
  private async addRepeated(
    started: StartedRows,
    refused: readonly Claimed[],
    standings: Standings,
  ): Promise<void> {
    const own = refused.filter((each) => isStartedBy(standings.get(each.taskId), each.claim));
    if (own.length === 0) return;
    for (const row of await this.postgres.query<StartedRow & { claim: string }>(STARTED_BY_CLAIM, [
      own.map((each) => each.taskId),
    ]))
      started.set(row.claim, row);
  }

  private async writeReleases(starts: readonly Claimed[]): Promise<Released[]> {
    const rows = await this.postgres.query<{ id: string; cancelled: boolean }>(RELEASE, [
      starts.map((each) => each.taskId),
      starts.map((each) => each.claim),
    ]);
    const released = new Map(rows.map((row) => [row.id, row.cancelled ? 'cancelled' : 'waiting'] as const));
    const others = starts.filter((each) => !released.has(each.taskId));
    const standings = await standingsOf(
      this.postgres,
      others.map((each) => each.taskId),
    );
    // Somebody (a cancel, say) held the row locked. Released as if it were, it would be STARTED by nobody for ever.
    const locked = others.filter((each) => isStartedBy(standings.get(each.taskId), each.claim));
    if (locked.length > 0) {
      await pause(LOCKED_AGAIN_MS);
      const outcomes = await this.writeReleases(locked);
      locked.forEach((each, i) => released.set(each.taskId, outcomes[i] ?? 'waiting'));
    }
    return starts.map((each) => released.get(each.taskId) ?? 'waiting');
  }
}

function startedOf(row: StartedRow): Started {
  return {
    kind: 'started',
    execution: row.execution,
    attemptsMade: row.attempts_made,
    attemptsMax: row.attempts_max,
    timeoutMs: row.timeout_ms,
    crashes: row.crashes,
    checkpoint: row.checkpoint,
    cancelRequested: row.cancel_requested_at !== null,
  };
}

function refusal(standing: Standing | undefined): Refused {
  if (standing === undefined) return { kind: 'unknown' };
  if (!standing.is_live) return { kind: 'ended' };
  if (standing.status === 'STARTED') return { kind: 'taken' };
  return { kind: 'waiting', dueAt: standing.due_at?.getTime() ?? Date.now() + RETRY_LOCKED_MS };
}
