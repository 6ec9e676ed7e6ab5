import { Injectable } from '@nestjs/common';
import { Deadline, SECOND, deferred, messageOf } from '../foundation/index.js';
import { redactSecrets } from '../jobs/index.js';
import type { ClaimedFailure } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';
import type { Failure, FailureLink } from './failure-handler.js';
import { FailureLinks, type NamedLink } from './failure-links.js';

/** What the users' links made of a failure. `interrupted`: this process must go, another one will run them. */
export type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'stopped'; readonly by: string }
  | { readonly kind: 'interrupted' };

/** One link may take this long. */
const LINK_LIMIT_MS = 30 * SECOND;
/** All links of one failure together: less than the minute after which the claim may be taken over. */
const CHAIN_LIMIT_MS = 48 * SECOND;
/** From this claim on the links are left out: two processes have ended over the failure. */
const LEFT_OUT_FROM_CLAIM = 3;

/** Runs the users' links over one failure: in order, each under a deadline, none of them able to stop the others by failing. */
@Injectable()
export class RunLinks {
  constructor(
    private readonly links: FailureLinks,
    private readonly telemetry: Telemetry,
  ) {}

  async over(claimed: ClaimedFailure, signal: AbortSignal): Promise<Verdict> {
    if (claimed.claims >= LEFT_OUT_FROM_CLAIM) {
      this.telemetry.emit('failureHandler.leftOut', {
        taskId: claimed.task,
        failedTask: claimed.failedTask,
        claims: claimed.claims,
      });
      return { kind: 'passed' };
    }
    const failure = failureOf(claimed);
    const deadline = Deadline.after(CHAIN_LIMIT_MS);
    for (const link of this.links.of(failure.job)) {
      if (signal.aborted) return { kind: 'interrupted' };
      if (await this.stops(link, failure, deadline, signal)) return { kind: 'stopped', by: link.name };
    }
    return signal.aborted ? { kind: 'interrupted' } : { kind: 'passed' };
  }

  /** Whether the link wants the rest left out. One that throws or hangs does not. */
  private async stops(
    { name, link }: NamedLink,
    failure: Failure,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      return (await call(link, failure, Math.min(LINK_LIMIT_MS, deadline.remainingMs), signal)) === false;
    } catch (error) {
      if (!signal.aborted)
        this.telemetry.emit('failureHandler.failed', {
          taskId: failure.task,
          failedTask: failure.failedTask,
          handler: name,
          error: messageOf(error),
        });
      return false;
    }
  }
}

// A link that does not look at its signal must hold up neither the chain nor the end of the process.
async function call(
  link: FailureLink,
  failure: Failure,
  limitMs: number,
  signal: AbortSignal,
): Promise<unknown> {
  const limit = new AbortController();
  const over = deferred<never>();
  const end = (why: string): void => {
    limit.abort(new Error(why));
    over.reject(new Error(why));
  };
  const stop = (): void => end('the process is stopping');
  const timer = setTimeout(() => end(`it took longer than ${String(limitMs)} ms`), limitMs);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([link.handle(failure, limit.signal), over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

function failureOf(claimed: ClaimedFailure): Failure {
  const { failedTask, task, job, queue, key, kind, fingerprint, attempts, failedAt } = claimed;
  return {
    failedTask,
    task,
    job,
    queue,
    key,
    kind,
    fingerprint,
    attempts,
    failedAt,
    error: claimed.error ?? {
      name: 'Error',
      message: '',
      code: null,
      stack: null,
      at: failedAt.toISOString(),
    },
    payload: redactSecrets(claimed.payload, claimed.secretPaths ?? []),
  };
}
