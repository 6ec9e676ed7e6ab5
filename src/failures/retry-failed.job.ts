import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Relay } from '../dispatch/index.js';
import { SECOND, TestSignal, pause } from '../foundation/index.js';
import { type Job, JobHandler, type TaskContext } from '../jobs/index.js';
import { type FailedTaskFilter, ReadFailedTasks, RetryFailedTasks } from '../ledger/index.js';
import { Postgres } from '../postgres/index.js';

export const RETRY_FAILED = 'shiftwork.retry-failed';

/** Tests wait here, after a batch is committed; they find it by its name. @public */
export const batchRetried = new TestSignal('failures.batchRetried');

const instant = z.iso.datetime();
const RetryFailedPayload = z.strictObject({
  filter: z.strictObject({
    fingerprint: z.string().optional(),
    job: z.string().optional(),
    queue: z.string().optional(),
    key: z.string().optional(),
    from: instant.optional(),
    to: instant.optional(),
  }),
  /** By the database's clock: what fails later is not chased. */
  requestedAt: instant,
  matched: z.int().min(0),
  by: z.string(),
});
export type RetryFailedPayload = z.infer<typeof RetryFailedPayload>;

/** Rows of one transaction. */
const BATCH = 500;
/** Rows that others have locked (a retry of one of them, a batch of a process that just died) are tried again. */
const LOCKED_AGAIN_MS = SECOND / 2;
const LOCKED_TRIES = 200;

/**
 * Retries all FailedTasks that fit, in batches. Each batch picks open rows and closes them in one commit, so nothing needs
 * to be remembered for it to be right: run again after a kill -9, it goes on with what is still open. The checkpoint only
 * counts.
 */
@Injectable()
@JobHandler({ name: RETRY_FAILED, payload: RetryFailedPayload, attempts: 5 })
export class RetryFailedJob implements Job<RetryFailedPayload, { retried: number }, { retried: number }> {
  constructor(
    private readonly postgres: Postgres,
    private readonly reads: ReadFailedTasks,
    private readonly ledger: RetryFailedTasks,
    private readonly relay: Relay,
  ) {}

  async run(
    payload: RetryFailedPayload,
    task: TaskContext<{ retried: number }>,
  ): Promise<{ retried: number }> {
    const filter = filterOf(payload);
    let retried = task.lastCheckpoint?.retried ?? 0;
    for (let tries = 0; tries < LOCKED_TRIES;) {
      task.signal.throwIfAborted();
      const count = await this.batch(filter, payload.by, retried, task);
      retried += count;
      await batchRetried.reached(retried);
      this.relay.nudge();
      if (count === 0) {
        if ((await this.reads.countOpen(filter)).matched === 0) break;
        tries += 1;
        await pause(LOCKED_AGAIN_MS, task.signal);
        continue;
      }
      await task.progress(
        Math.min(100, (100 * retried) / Math.max(1, payload.matched)),
        `${String(retried)} retried`,
      );
      await task.checkpoint({ retried }); // outside of the transaction: here a shutdown may hand over
    }
    return { retried };
  }

  private async batch(
    filter: FailedTaskFilter,
    by: string,
    before: number,
    task: TaskContext,
  ): Promise<number> {
    return this.postgres.transaction(async (manager) => {
      const { length } = await this.ledger.retrySome(manager, filter, BATCH, by);
      if (length > 0) await task.checkpoint({ retried: before + length }, { transaction: manager });
      return length;
    });
  }
}

function filterOf({ filter, requestedAt }: RetryFailedPayload): FailedTaskFilter {
  const { from, to, ...rest } = filter;
  const latest = to === undefined || to > requestedAt ? requestedAt : to;
  return { ...rest, from: from === undefined ? undefined : new Date(from), to: new Date(latest) };
}
