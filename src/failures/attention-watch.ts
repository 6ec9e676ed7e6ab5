import { Inject, Injectable } from '@nestjs/common';
import { monotonicMs } from '../foundation/index.js';
import { RollCall } from '../fleet/index.js';
import { AttentionChecks, type PausedLong, type UnknownLong, type WaitingLong } from '../ledger/index.js';
import { Attention, type Concern } from './attention.js';
import { DIGEST_POLICY, type DigestPolicy } from './digest-policy.js';

/** Looks at states that last: queues without workers, queues paused and forgotten, jobs that nobody knows. */
@Injectable()
export class AttentionWatch {
  private unservedSince = new Map<string, number>();
  private again: NodeJS.Timeout | undefined;

  constructor(
    private readonly checks: AttentionChecks,
    private readonly roll: RollCall,
    private readonly attention: Attention,
    @Inject(DIGEST_POLICY) private readonly policy: DigestPolicy,
  ) {}

  /** Looks at everything once; and once more by itself when a queue has been without a worker for a minute. */
  async look(): Promise<void> {
    for (const each of await this.checks.pausedLong()) this.attention.raise(pausedLong(each));
    for (const each of await this.checks.unknownLong()) this.attention.raise(unknownLong(each));
    await this.lookForWorkers();
  }

  private async lookForWorkers(): Promise<void> {
    const waiting = await this.checks.waitingLong();
    if (waiting.length === 0) {
      this.unservedSince.clear();
      return;
    }
    const served = await this.roll.queuesServed().catch(() => null);
    if (served === null) return; // Redis is away: nobody knows who lives
    const unserved = waiting.filter(({ queue }) => !served.has(queue));
    const now = monotonicMs();
    this.unservedSince = new Map(unserved.map(({ queue }) => [queue, this.unservedSince.get(queue) ?? now]));
    for (const each of unserved) {
      if (now - (this.unservedSince.get(each.queue) ?? now) >= this.policy.unservedMs)
        this.attention.raise(noWorker(each));
      else this.lookAgainSoon();
    }
  }

  private lookAgainSoon(): void {
    this.again ??= setTimeout(() => {
      this.again = undefined;
      void this.lookForWorkers().catch(() => undefined); // PostgreSQL is away: the next sweep looks
    }, this.policy.unservedMs + 1).unref();
  }
}

function pausedLong({ queue, by, since }: PausedLong): Concern {
  return {
    kind: 'paused-long',
    key: queue,
    title: `queue "${queue}" has been paused for more than an hour`,
    advice: `${by ?? 'Somebody'} paused it at ${since.toISOString()}. Its tasks wait; resume it when the reason is gone.`,
    path: '/admin/queues',
  };
}

function unknownLong({ job, tasks, since }: UnknownLong): Concern {
  return {
    kind: 'unknown-job',
    key: job,
    title: `nobody knows the job "${job}"`,
    advice: `${String(tasks)} tasks wait for it since ${since.toISOString()}, and no live worker has it. Deploy a release that does, or cancel them.`,
    path: '/admin/tasks',
  };
}

function noWorker({ queue, tasks, since }: WaitingLong): Concern {
  return {
    kind: 'no-worker',
    key: queue,
    title: `queue "${queue}" has no worker`,
    advice: `${String(tasks)} tasks wait in it, the oldest since ${since.toISOString()}. Start a worker whose QUEUES name it.`,
    path: '/admin/queues',
  };
}
