import { RequestError, UnavailableError } from '../foundation/index.js';
import type { PayloadIssue } from '../jobs/index.js';

export { AlreadyFinalError, KeyInFlightError, TaskNotFoundError } from '../ledger/index.js';

/** Options that cannot be what the caller meant. `issues` names every fault with its path. */
export class InvalidOptionsError extends RequestError {
  readonly code = 'invalid';
  constructor(readonly issues: readonly PayloadIssue[]) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join('; '), { errors: issues });
  }
}

/** The payload, as JSON, is larger than the ledger keeps. */
export class PayloadTooLargeError extends RequestError {
  readonly code = 'payload-too-large';
  constructor(bytes: number, most: number) {
    super(
      `The payload has ${String(bytes)} bytes of JSON; ${String(most)} are allowed. Store the data somewhere and pass where it is.`,
      { bytes, most },
    );
  }
}

/** The queue has as many waiting tasks as its limit allows. */
export class BacklogFullError extends RequestError {
  readonly code = 'backlog-full';
  constructor(
    queue: string,
    limit: number,
    readonly retryAfterMs: number,
  ) {
    super(
      `The queue "${queue}" has reached its limit of ${String(limit)} waiting tasks (QUEUE_LIMITS). Try again later, or start more workers.`,
      { queue, limit },
    );
  }
}

/** `requireWorker` was asked and no live worker serves the queue. Nothing was accepted. */
export class NoWorkerError extends UnavailableError {
  readonly code = 'no-worker';
  constructor(queue: string) {
    super(
      `No live worker serves the queue "${queue}". Start one with this queue in its QUEUES, or leave requireWorker out.`,
      { queue },
    );
  }
}

/** `requireWorker` was asked and Redis, which knows the workers, is away. Nothing was accepted. */
export class WorkersUnknownError extends UnavailableError {
  readonly code = 'workers-unknown';
  constructor(cause: unknown) {
    super(
      'Redis is away, so nobody knows whether a worker lives. Try again later, or leave requireWorker out.',
      {},
      { cause },
    );
  }
}

/** The idempotency key was used before with another payload or other options. */
export class IdempotencyKeyReusedError extends RequestError {
  readonly code = 'idempotency-key-reused';
  constructor(key: string, id: string) {
    super(
      `The idempotency key "${key}" belongs to task ${id}, which was asked for with another payload or other options. Use a new key for a new request.`,
      { key, id },
    );
  }
}

/** The task is not in a status from which this can be done. */
export class IllegalMoveError extends RequestError {
  readonly code = 'illegal-move';
  constructor(id: string, status: string, what: string) {
    super(`Task ${id} is ${status} and cannot be ${what}.`, { id, status });
  }
}

/** The queue is named by no QUEUES of this process, no task and no live worker. */
export class UnknownQueueError extends RequestError {
  readonly code = 'unknown-queue';
  constructor(queue: string) {
    super(`There is no queue "${queue}".`, { queue });
  }
}
