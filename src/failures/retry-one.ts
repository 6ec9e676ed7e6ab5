import { Injectable } from '@nestjs/common';
import { Relay } from '../dispatch/index.js';
import { restoreSecrets } from '../jobs/index.js';
import { type FailedTaskRow, Outbox, ReadFailedTasks, RetryFailedTasks } from '../ledger/index.js';
import { KnownJobs, checkPayload } from '../tasks/index.js';
import { FailedTaskDismissedError, FailedTaskNotFoundError } from './failed-task-errors.js';

/** Retries one FailedTask. */
@Injectable()
export class RetryOne {
  constructor(
    private readonly reads: ReadFailedTasks,
    private readonly ledger: RetryFailedTasks,
    private readonly jobs: KnownJobs,
    private readonly relay: Relay,
    private readonly outbox: Outbox,
  ) {}

  /** The task that runs its work again, and whether this call made it. */
  async run(
    failed: FailedTaskRow,
    options: { payload?: unknown; by: string },
  ): Promise<{ task: string; isNew: boolean }> {
    const payloadText = options.payload === undefined ? null : await this.amended(failed, options.payload);
    if (failed.state === 'DISMISSED') throw new FailedTaskDismissedError(failed.id, failed.task);
    const retried = await this.ledger.retryOne(failed.id, payloadText, options.by);
    if (retried === null) return { task: await this.retriedBefore(failed), isNew: false };
    // If Redis is away, the outbox row that was committed with it reminds whoever lives.
    if (await this.relay.dispatch([retried.task])) this.outbox.dispatched([retried.task]);
    return { task: retried.task, isNew: true };
  }

  // A person saw the payload with its secrets blacked out, and sends it back like that.
  private async amended(failed: FailedTaskRow, payload: unknown): Promise<string> {
    const original = await this.reads.payloadOf(failed.task);
    const whole = restoreSecrets(payload, original.payload, original.secretPaths);
    return (await checkPayload(await this.jobs.get(failed.job), whole, 'payload')).text;
  }

  private async retriedBefore(failed: FailedTaskRow): Promise<string> {
    const now = await this.reads.byId(failed.id);
    if (now === null) throw new FailedTaskNotFoundError(failed.id);
    if (now.state === 'DISMISSED' || now.retriedAs === null)
      throw new FailedTaskDismissedError(failed.id, failed.task);
    return now.retriedAs;
  }
}
