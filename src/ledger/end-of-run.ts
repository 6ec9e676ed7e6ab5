import { messageOf } from '../foundation/index.js';
import { bareArray, sqlState } from '../postgres/index.js';
import { refusal, type Refused, type Standing } from './standings.js';
import type { ErrorJson, ExecutionOutcome } from './task-row.js';
import type { TaskStatus } from './task-status.js';

/** How an execution ended. One is decided in memory, once; this is what is written of it. */
export interface EndOfRun {
  readonly id: string;
  readonly claim: string;
  readonly status: Exclude<TaskStatus, 'STARTED'>;
  readonly outcome: ExecutionOutcome;
  /** JSON text; null for none. */
  readonly result: string | null;
  readonly error: ErrorJson | null;
  /** RETRYING and SCHEDULED: when it is due again. */
  readonly dueAt: Date | null;
  readonly chargeAttempt: boolean;
  readonly countInterruption: boolean;
  /** Of a FAILED task. */
  readonly failureKind: 'error' | 'timeout' | 'crashed' | null;
  /** The run wrote in a transaction of its own, which may be open still: its row must not be waited for. */
  readonly mayBeLocked?: boolean;
}

/** What FINISHED needs to know of a run. */
export type FinishedRun = Pick<EndOfRun, 'id' | 'claim' | 'result'>;

/** What was written: the status (CANCELLED where somebody had asked for it), or that the claim was lost, and how the row stands. */
export type Recorded =
  | { readonly kind: 'recorded'; readonly status: TaskStatus }
  | { readonly kind: 'lost'; readonly row: Refused };

/** What is known of an end when its flush is over: what was recorded, or the promise of one whose row was locked. */
export type Written = Recorded | Promise<Recorded>;

/** What a statement wrote of an end; undefined: nothing. */
export type Lookup = (end: EndOfRun) => Recorded | undefined;

/** Rule 6: my claim and what I meant to write is success; somebody else's claim means mine is lost; undefined: still to be written. */
export function judge(end: EndOfRun, standing: Standing | undefined): Recorded | undefined {
  if (standing?.claim !== end.claim) return { kind: 'lost', row: refusal(standing) };
  if (standing.status === 'STARTED') return undefined;
  return { kind: 'recorded', status: standing.status };
}

// Most runs return nothing: then no result is sent or stored. An array that is missing is filled up with NULLs.
function resultsOf(ends: readonly EndOfRun[]): (string | null)[] | null {
  const results = ends.map((end) => (end.result === 'null' ? null : end.result));
  return results.some((result) => result !== null) ? results : null;
}

/** Parameters of a FINISH. */
export function finishValues(ends: readonly EndOfRun[]): unknown[] {
  return [bareArray(ends.map((end) => end.id)), bareArray(ends.map((end) => end.claim)), resultsOf(ends)];
}

/** Parameters of a FINISH_ONE. */
export function finishOneValues({ id, claim, result }: FinishedRun): unknown[] {
  return [id, claim, result === 'null' ? null : result];
}

const FINISHED: Recorded = { kind: 'recorded', status: 'FINISHED' };
const allFinished: Lookup = () => FINISHED;
const nobodyKnows: Lookup = () => undefined;

/** What a FINISH wrote of these ends: it answers how many. If some are missing, the rows must be asked which. */
export function finishedOf(ends: readonly EndOfRun[], finished: number): Lookup {
  return finished === ends.length ? allFinished : nobodyKnows;
}

/** SQLSTATE 22 (data), 23 (constraint), 54 (limits): the server understood and refuses this row. */
export function isAboutTheRow(error: unknown): boolean {
  return /^(22|23|54)/.test(sqlState(error) ?? '');
}

/** Any other SQLSTATE: read-only after a fail-over, a deadlock, a privilege that was taken away. It may be another one tomorrow. */
export function isOfTheServer(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(sqlState(error) ?? '') && !isAboutTheRow(error);
}

const NOT_STORABLE = 'result-not-storable';

/** Whether it still says what the job gave us, and not that this could not be stored. */
export function isOfAJob(end: EndOfRun): boolean {
  return end.error?.code !== NOT_STORABLE;
}

/** The end of a run whose result, error or due time PostgreSQL refuses: FAILED, without it. */
export function notStorable(end: EndOfRun, cause: unknown): EndOfRun {
  const why = messageOf(cause);
  const message =
    end.result === null
      ? `The end of the run could not be stored: ${why}.`
      : `The result could not be stored: ${why}. Return plain JSON, or write the data yourself and return where it is.`;
  const error: ErrorJson = {
    name: 'ResultNotStorableError',
    message,
    code: NOT_STORABLE,
    stack: null,
    at: new Date().toISOString(),
  };
  return {
    ...end,
    status: 'FAILED',
    outcome: 'error',
    result: null,
    error,
    dueAt: null,
    chargeAttempt: true,
    failureKind: 'error',
  };
}
