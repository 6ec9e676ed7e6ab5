import { asError, Batcher, MINUTE, monotonicMs, pause, type JsonValue } from '../foundation/index.js';
import { bareArray, type Postgres } from '../postgres/index.js';
import type { HotStatements } from './hot-statements.js';
import { RELEASE, START, START_ON_DISK, START_ONE, STARTED_BY_CLAIM } from './executions-sql.js';
import type { LateCommits } from './late-commits.js';
import { isStartedBy, refusal, standingsOf, type Refused, type Standings } from './standings.js';

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

/** What became of a start that was taken back: QUEUED again, and nothing is counted; or CANCELLED, as somebody had asked meanwhile. */
export type Released = 'waiting' | 'cancelled';

/** A delivery whose task is to be started, or was. */
export interface Claimed {
  readonly taskId: string;
  readonly claim: string;
}

/** What a start answers of a row. */
interface StartedRow {
  execution: number;
  attempts_made: number;
  attempts_max: number;
  timeout_ms: number | null;
  crashes: number;
  checkpoint: JsonValue;
  cancel_requested_at: Date | null;
}

/** What was started, by claim. */
type StartedRows = Map<string, StartedRow>;

/** `n`: the position among the deliveries asked for, from 1. */
type Numbered<Row> = Row & { n: number };

/** A start that could not be taken back because its row was locked is tried again after this long, ms. */
const LOCKED_AGAIN_MS = 50;

/** Flights of starts: while one is held up by a locked row (100 ms at most) or by the disk, the other goes on. */
const FLIGHTS = 2;

/**
 * After a connection has broken all starts wait for the disk for this long, ms. Else a job that takes PostgreSQL down with its first
 * line would do so again and again without being charged, as its start would be lost each time.
 */
const WARY_FOR_MS = MINUTE;

/** What was delivered together is started together. */
interface Starting {
  readonly worker: string;
  readonly deliveries: readonly Claimed[];
  readonly waitsForDisk: boolean;
}

/** Starts, what is said of those that were refused, and starts that are taken back. */
export class RunStarts {
  private readonly starts: Batcher<Starting, StartedRows>;
  private readonly releases: Batcher<Claimed, Released>;
  private waryUntilMs = 0;

  constructor(
    private readonly postgres: Postgres,
    private readonly hot: HotStatements,
    private readonly late: LateCommits,
  ) {
    this.starts = new Batcher((all) => this.commitAll(all), { maxItems: 200, inFlight: FLIGHTS });
    this.releases = new Batcher((starts) => this.writeReleases(starts), { maxItems: 200, inFlight: 1 });
    postgres.onBroken(() => {
      this.waryUntilMs = monotonicMs() + WARY_FOR_MS;
    });
  }

  async start(starting: Starting): Promise<(Started | Refused)[]> {
    const waitsForDisk = starting.waitsForDisk || monotonicMs() < this.waryUntilMs;
    return this.answer(starting.deliveries, await this.starts.add({ ...starting, waitsForDisk }));
  }

  async lostOf(claims: readonly Claimed[]): Promise<ReadonlySet<string>> {
    const standings = await standingsOf(
      this.postgres,
      claims.map((each) => each.taskId),
    );
    const lost = claims.filter(({ taskId, claim }) => standings.get(taskId)?.claim !== claim);
    return new Set(lost.map((each) => each.claim));
  }

  /** Takes starts back that did not run after all, and answers for each what became of its task. Group-committed. */
  release(starts: readonly Claimed[]): Promise<Released[]> {
    return Promise.all(starts.map((each) => this.releases.add(each)));
  }

  // Those of two identities (this process has taken a new one), or that wait for different things, cannot share a statement.
  private async commitAll(all: readonly Starting[]): Promise<(StartedRows | Error)[]> {
    const [first] = all;
    if (first === undefined) return [];
    const areAlike = all.every(
      ({ worker, waitsForDisk }) => worker === first.worker && waitsForDisk === first.waitsForDisk,
    );
    if (!areAlike) return Promise.all(all.map((each) => this.commit(each).catch(asError)));
    const started = await this.commit({ ...first, deliveries: all.flatMap(({ deliveries }) => deliveries) });
    return all.map(() => started);
  }

  private async commit({ worker, deliveries, waitsForDisk }: Starting): Promise<StartedRows> {
    const [only] = deliveries;
    const [statement, values] =
      only !== undefined && deliveries.length === 1 && !waitsForDisk
        ? [START_ONE, [worker, only.taskId, only.claim]]
        : [waitsForDisk ? START_ON_DISK : START, [worker, ...columnsOf(deliveries)]];
    const rows = await this.hot.query<Numbered<StartedRow>>(statement, values);
    if (!waitsForDisk && rows.length > 0) this.late.add();
    return new Map(rows.map((row) => [deliveries[row.n - 1]?.claim ?? '', row]));
  }

  /** An answer for each delivery, in order: started, or why not. */
  private async answer(deliveries: readonly Claimed[], started: StartedRows): Promise<(Started | Refused)[]> {
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

  // A start whose connection broke after the commit is asked again and finds its own claim: it is started (rule 6).
  private async addRepeated(
    started: StartedRows,
    refused: readonly Claimed[],
    standings: Standings,
  ): Promise<void> {
    const own = refused.filter((each) => isStartedBy(standings.get(each.taskId), each.claim));
    if (own.length === 0) return;
    this.late.add(); // the answer that was lost should have led to this
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

/** Parameters: ids, claims. */
function columnsOf(deliveries: readonly Claimed[]): string[] {
  return [bareArray(deliveries.map(({ taskId }) => taskId)), bareArray(deliveries.map(({ claim }) => claim))];
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
