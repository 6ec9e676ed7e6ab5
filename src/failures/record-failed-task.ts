import { Injectable } from '@nestjs/common';
import {
  type AfterRecord,
  type FailureDetails,
  PendingFailures,
  RecordFailedTasks,
  type RecordedFailures,
  type UnrecordedFailure,
} from '../ledger/index.js';
import { fingerprintOf, ownFrame } from './fingerprint.js';

/** The same cause is met again and again in a flood; its fingerprint is worth keeping. */
const KNOWN_CAUSES = 500;

/** The first link, always run: a FailedTask for each failure that has none yet. */
@Injectable()
export class RecordFailedTask {
  private readonly known = new Map<string, string>();

  constructor(
    private readonly pending: PendingFailures,
    private readonly failedTasks: RecordFailedTasks,
  ) {}

  /** Looks at no more than `limit`; answers how many it looked at, and what it wrote (others may have been at the same ones). */
  async some(limit: number, after: AfterRecord): Promise<RecordedFailures & { looked: number }> {
    const failures = await this.pending.unrecorded(limit);
    if (failures.length === 0) return { looked: 0, recorded: 0, waiting: 0 };
    const fingerprints = await this.fingerprints(failures);
    const marked = failures.flatMap(({ task }) => {
      const fingerprint = fingerprints.get(task);
      return fingerprint === undefined ? [] : [{ task, fingerprint }]; // closed by somebody since
    });
    return { looked: failures.length, ...(await this.failedTasks.record(marked, after)) };
  }

  /** Task → fingerprint. Only of causes that were not met before are the errors fetched. */
  private async fingerprints(failures: readonly UnrecordedFailure[]): Promise<Map<string, string>> {
    const result = new Map<string, string>();
    const strangers: UnrecordedFailure[] = [];
    for (const failure of failures) {
      const known = this.known.get(failure.cause);
      if (known === undefined) strangers.push(failure);
      else result.set(failure.task, known);
    }
    if (strangers.length === 0) return result;
    const causes = new Map(strangers.map(({ task, cause }) => [task, cause]));
    for (const details of await this.pending.details([...causes.keys()])) {
      const fingerprint = fingerprintOf(details);
      result.set(details.task, fingerprint);
      this.keep(causes.get(details.task), details, fingerprint);
    }
    return result;
  }

  // Without a frame of the user's own code the message is part of the fingerprint, and the cause does not hold it: not kept.
  private keep(cause: string | undefined, { stack }: FailureDetails, fingerprint: string): void {
    if (cause === undefined || (ownFrame(stack) === null && stack?.includes('\n    at ') === true)) return;
    if (this.known.size >= KNOWN_CAUSES) this.known.clear();
    this.known.set(cause, fingerprint);
  }
}
