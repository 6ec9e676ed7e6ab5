import type { ErrorJson, FailureKind } from '../ledger/index.js';

/** A task that failed for good, as a failure handler sees it. */
export interface Failure {
  /** Id of its FailedTask, which is on record already. */
  readonly failedTask: string;
  /** Id of the task. */
  readonly task: string;
  readonly job: string;
  readonly queue: string;
  /** The caller's own tag (`options.key`), or null. */
  readonly key: string | null;
  /** `error`: attempts used up, or `DoNotRetry`. `timeout`: it ran too long. `crashed`: its workers died under it. */
  readonly kind: FailureKind;
  /** The same for failures of one cause: job, error class, top own frame. */
  readonly fingerprint: string;
  /** The last error. */
  readonly error: ErrorJson;
  /** What the task was given; fields marked `@Secret()` are replaced by `[secret]`, because handlers mostly pass things on. */
  readonly payload: unknown;
  /** Attempts that ended in an error. */
  readonly attempts: number;
  readonly failedAt: Date;
}

/**
 * Implement it in a provider with `@FailureHandler({ order })` to hear of every final failure.
 *
 * It is called at least once per failure, in a process with the worker role: after a crash it may be called again, so make
 * its effects repeatable (`failure.failedTask` is a good key). It has 30 s; `signal` aborts then, and when the process
 * must go. Throwing is reported and stops nothing.
 */
export interface FailureLink {
  /** Answer `false` to stop the handlers after this one and the mail to the admins; the FailedTask says that you did. */
  // A handler that returns nothing is the common case, and `undefined` would make its author write a return.
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type
  handle(failure: Failure, signal: AbortSignal): Promise<boolean | void> | boolean | void;
}
