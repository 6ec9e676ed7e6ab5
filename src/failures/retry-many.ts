import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings, queueNames } from '../config/index.js';
import { newId } from '../foundation/index.js';
import { DEFAULT_QUEUE } from '../jobs/index.js';
import { type FailedTaskFilter, ReadFailedTasks } from '../ledger/index.js';
import { Acceptance, KnownJobs } from '../tasks/index.js';
import { RETRY_FAILED, type RetryFailedPayload } from './retry-failed.job.js';

/** Asks for the retry of many. */
@Injectable()
export class RetryMany {
  constructor(
    private readonly reads: ReadFailedTasks,
    private readonly jobs: KnownJobs,
    private readonly acceptance: Acceptance,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Enqueues the task that retries them, in a queue that the workers serve; no backlog limit keeps an admin from it. */
  async enqueue(filter: FailedTaskFilter, by: string): Promise<{ task: string; matched: number }> {
    const { matched, at } = await this.reads.countOpen(filter);
    const { from, to, fingerprint, job, queue, key } = filter;
    const said = { fingerprint, job, queue, key, from: from?.toISOString(), to: to?.toISOString() };
    const payload: RetryFailedPayload = { filter: said, requestedAt: at.toISOString(), matched, by };
    const { name, attempts, timeoutMs, backoff, onWorkerLost } = await this.jobs.get(RETRY_FAILED);
    const { id } = await this.acceptance.accept({
      id: newId(),
      job: name,
      queue: this.queue(),
      payloadText: JSON.stringify(payload),
      priority: null,
      key: null,
      idempotencyKey: null,
      requestHash: null,
      attemptsMax: attempts,
      timeoutMs,
      backoff,
      onWorkerLost,
      dueAt: null,
      retryOf: null,
    });
    return { task: id, matched };
  }

  private queue(): string {
    const served = queueNames(this.settings.lanes);
    return served.includes(DEFAULT_QUEUE) ? DEFAULT_QUEUE : (served[0] ?? DEFAULT_QUEUE);
  }
}
