import { messageOf } from '../foundation/index.js';

/**
 * Throw it from `run` when another attempt cannot help (the input is wrong, the receiver said no): the task is FAILED now,
 * whatever attempts are left. The error that people see is the cause.
 */
export class DoNotRetry extends Error {
  override readonly name = 'DoNotRetry';
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** Throw it from `run` to be run again in `ms` milliseconds without an attempt being charged (a rate limit, a row not there yet). At most ten years. */
export class Snooze extends Error {
  override readonly name = 'Snooze';
  constructor(readonly ms: number) {
    super(`Asked to be run again in ${String(ms)} ms`);
    if (!Number.isFinite(ms) || ms < 0)
      throw new TypeError(
        `Snooze needs milliseconds, 0 or more, not ${String(ms)}. Example: throw new Snooze(30_000)`,
      );
  }
}

/**
 * Throw it from `run` when the attempt failed and the other side said when to come back (an HTTP `Retry-After`): an attempt is
 * charged as for any error, and the next one starts after `ms` milliseconds (at most ten years) or the backoff, whichever is
 * longer. The error that people see is the cause.
 */
export class RetryIn extends Error {
  override readonly name = 'RetryIn';
  constructor(
    readonly ms: number,
    cause: unknown,
  ) {
    super(messageOf(cause), { cause });
    if (!Number.isFinite(ms) || ms < 0)
      throw new TypeError(
        `RetryIn needs milliseconds, 0 or more, not ${String(ms)}. Example: throw new RetryIn(30_000, error)`,
      );
  }
}
