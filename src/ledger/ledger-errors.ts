import { RequestError, ShiftworkError, UnavailableError } from '../foundation/index.js';

/** No task has this id. */
export class TaskNotFoundError extends RequestError {
  readonly code = 'not-found';
  constructor(id: string) {
    super(`There is no task ${id}.`, { id });
  }
}

/** The task has ended; what was asked is only possible before that. */
export class AlreadyFinalError extends RequestError {
  readonly code = 'already-final';
  constructor(id: string, status: string, what: string) {
    super(`Task ${id} is ${status} and cannot be ${what}.`, { id, status });
  }
}

/** Somebody keeps the rows of these tasks locked, mostly their own jobs in an open transaction. */
export class TasksHeldError extends UnavailableError {
  readonly code = 'ledger-unavailable';
  constructor(readonly ids: readonly string[]) {
    super(
      `The job of ${ids.length === 1 ? `task ${String(ids[0])}` : `${String(ids.length)} tasks`} keeps an open transaction and has not ended it in time. It has been told to stop; try again in a moment.`,
      { ids: ids.slice(0, 10) },
    );
  }
}

/** Another transaction is accepting the same idempotency key right now; its outcome is not known yet. */
export class KeyInFlightError extends RequestError {
  readonly code = 'key-in-flight';
  readonly retryAfterMs = 1_000;
  constructor(key: string) {
    super(
      `A task with the idempotency key "${key}" is being accepted by somebody else at this moment. Try again in a second.`,
      { key },
    );
  }
}

/**
 * A late write by an execution that no longer owns its task (it was handed over, rescued or ended by somebody else).
 * Thrown only inside a job's own transaction, so that it rolls back; elsewhere a lost claim is a value.
 */
export class ClaimLostError extends ShiftworkError {
  readonly code = 'claim-lost';
  constructor(taskId: string) {
    super(
      `Task ${taskId} belongs to another execution now; this write was refused. Let the transaction roll back.`,
      { taskId },
    );
  }
}
