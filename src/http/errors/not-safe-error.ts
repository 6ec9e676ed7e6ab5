import type { Verdict } from '../../control/index.js';
import { RequestError } from '../../foundation/index.js';

/** The fleet did not drain in time. The verdict says who is busy, and stands beside the problem in the answer. */
export class NotSafeError extends RequestError {
  readonly code = 'not-safe';
  /** Fields of the answer besides those of every problem. */
  readonly extras: Verdict;

  constructor(verdict: Verdict) {
    super(
      `It is not safe to push: ${verdict.busy.length} tasks are running, ${verdict.silent.length} processes did not answer. The fleet works again.`,
    );
    this.extras = verdict;
  }
}
