import { asError, backoffMs, MOST_DELAY_MS, type Backoff } from '../foundation/index.js';
import { DoNotRetry, RetryIn, Snooze, TaskCancelled, TaskInterrupted, TaskTimedOut } from '../jobs/index.js';
import { crashed, type EndOfRun } from '../ledger/index.js';
import { errorJson } from './error-json.js';
import { ResultError, resultText } from './result-text.js';

/** How a run came to its end: what the handler did, or what was decided over its head. */
export type Ending =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly thrown: unknown }
  /** The time was up, or somebody cancelled, or the process must go, and the handler has not settled. */
  | { readonly kind: 'overruled'; readonly by: TaskTimedOut | TaskCancelled | TaskInterrupted };

/** What the decision depends on besides the ending. */
export interface Circumstances {
  /** Why the signal fired, if it did. */
  readonly signalled: unknown;
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  readonly backoff: Backoff;
  readonly onWorkerLost: 'rerun' | 'fail';
  readonly now: Date;
  /** In [0, 1): the jitter of the backoff. */
  readonly random: number;
}

/** The end of an execution, but for whose it is. */
export type Outcome = Omit<EndOfRun, 'id' | 'claim' | 'mayBeLocked'>;

/** Decides what an ending means. Pure: the same ending in the same circumstances is the same outcome. Never throws, whatever the job did. */
export function decideOutcome(ending: Ending, circumstances: Circumstances): Outcome {
  switch (ending.kind) {
    case 'returned':
      return finished(ending.value, circumstances);
    case 'overruled':
      return isLostForGood(ending.by, circumstances)
        ? lost(circumstances)
        : stopped(ending.by, ending.by, circumstances);
    case 'threw':
      return threw(asError(ending.thrown), circumstances);
  }
}

const NOTHING = {
  result: null,
  error: null,
  dueAt: null,
  chargeAttempt: false,
  countInterruption: false,
  failureKind: null,
} as const;

function finished(value: unknown, { now }: Circumstances): Outcome {
  try {
    return success(resultText(value));
  } catch (error) {
    if (!(error instanceof ResultError)) throw error;
    return unstorable(error, now);
  }
}

// Written out: nearly every run ends here, and a spread costs more than the rest of the decision.
function success(result: string): Outcome {
  return {
    status: 'FINISHED',
    outcome: 'finished',
    result,
    error: null,
    dueAt: null,
    chargeAttempt: false,
    countInterruption: false,
    failureKind: null,
  };
}

function unstorable({ name, message, code }: ResultError, now: Date): Outcome {
  const error = { name, message, code, stack: null, at: now.toISOString() };
  return { ...NOTHING, status: 'FAILED', outcome: 'error', error, chargeAttempt: true, failureKind: 'error' };
}

function threw(thrown: unknown, circumstances: Circumstances): Outcome {
  if (thrown instanceof TaskInterrupted) return stopped(thrown, thrown, circumstances);
  if (thrown instanceof Snooze)
    return {
      ...NOTHING,
      status: 'SCHEDULED',
      outcome: 'snoozed',
      dueAt: inMs(circumstances.now, thrown.ms),
    };
  const { signalled } = circumstances;
  // A job that was told to stop and throws has stopped, whatever it throws.
  if (
    signalled instanceof TaskCancelled ||
    signalled instanceof TaskInterrupted ||
    signalled instanceof TaskTimedOut
  )
    return stopped(signalled, thrown, circumstances);
  if (thrown instanceof DoNotRetry) return failed(thrown.cause ?? thrown, 'error', circumstances);
  if (thrown instanceof RetryIn)
    return attemptFailed(thrown.cause ?? thrown, 'error', circumstances, thrown.ms);
  return attemptFailed(thrown, 'error', circumstances);
}

// The process must go while the handler is at work: as if it had died under it.
function isLostForGood(by: unknown, { onWorkerLost, signalled }: Circumstances): boolean {
  return onWorkerLost === 'fail' && by instanceof TaskInterrupted && !(signalled instanceof TaskCancelled);
}

function lost({ now }: Circumstances): Outcome {
  const message =
    'The process had to go while this task ran, and the task did not answer its signal. It is not run again by itself.';
  return {
    ...NOTHING,
    status: 'FAILED',
    outcome: 'crashed',
    error: crashed(message, now),
    countInterruption: true,
    failureKind: 'crashed',
  };
}

function stopped(
  by: TaskTimedOut | TaskCancelled | TaskInterrupted,
  thrown: unknown,
  circumstances: Circumstances,
): Outcome {
  if (by instanceof TaskInterrupted)
    return { ...NOTHING, status: 'QUEUED', outcome: 'interrupted', countInterruption: true };
  if (by instanceof TaskCancelled) return { ...NOTHING, status: 'CANCELLED', outcome: 'cancelled' };
  return attemptFailed(thrown instanceof TaskTimedOut ? thrown : by, 'timeout', circumstances);
}

// `leastMs`: the other side may know better than the backoff when to come back.
function attemptFailed(
  thrown: unknown,
  kind: 'error' | 'timeout',
  circumstances: Circumstances,
  leastMs = 0,
): Outcome {
  const { attemptsMade, attemptsMax, backoff, now, random } = circumstances;
  const attempt = attemptsMade + 1;
  if (attempt >= attemptsMax) return failed(thrown, kind, circumstances);
  const dueAt = inMs(now, Math.max(leastMs, backoffMs(backoff, attempt, random)));
  return {
    ...NOTHING,
    status: 'RETRYING',
    outcome: kind,
    error: errorJson(thrown, now),
    dueAt,
    chargeAttempt: true,
  };
}

// A `Retry-After` in the wrong unit must not become an instant that nobody can store.
function inMs(now: Date, ms: number): Date {
  return new Date(now.getTime() + Math.min(ms, MOST_DELAY_MS));
}

function failed(thrown: unknown, kind: 'error' | 'timeout', { now }: Circumstances): Outcome {
  return {
    ...NOTHING,
    status: 'FAILED',
    outcome: kind,
    error: errorJson(thrown, now),
    chargeAttempt: true,
    failureKind: kind,
  };
}
