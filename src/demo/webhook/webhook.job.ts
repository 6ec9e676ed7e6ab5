import { createHmac } from 'node:crypto';
import { Inject } from '@nestjs/common';
import { z } from 'zod';
import {
  DoNotRetry,
  type Job,
  JobHandler,
  RetryIn,
  SETTINGS,
  type Settings,
  type TaskContext,
} from '../../index.js';
import { AddressRefusedError } from './address-guard.js';
import { type Answer, postJson } from './post-json.js';
import { retryAfterMs } from './retry-after.js';

const WebhookPayload = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  body: z.json(),
  timeoutMs: z.int().min(100).max(120_000).default(10_000),
});
export type WebhookPayload = z.output<typeof WebhookPayload>;

export interface WebhookResult {
  status: number;
}

/** The receiver answered with something other than 2xx. */
class WebhookRefusedError extends Error {
  // Failures are grouped by name: a receiver that is gone is another trouble than one that does not let us in.
  override readonly name: string;
  readonly code: string;
  constructor(readonly status: number) {
    super(`The receiver answered ${String(status)}`);
    this.name = `WebhookRefused${String(status)}`;
    this.code = `http-${String(status)}`;
  }
}

/**
 * POSTs JSON to a receiver. 5xx, 429 and network faults are tried again (a `Retry-After` is honoured), any other answer that is
 * no success is final. `shiftwork-task` is the same for every attempt, so a receiver can drop what it has seen.
 */
@JobHandler({
  name: 'webhook.deliver',
  payload: WebhookPayload,
  attempts: 5,
  backoff: { type: 'exponential', delay: 1_000 },
})
export class WebhookJob implements Job<WebhookPayload, WebhookResult> {
  constructor(@Inject(SETTINGS) private readonly settings: Settings) {}

  async run(payload: WebhookPayload, task: TaskContext): Promise<WebhookResult> {
    const answer = await this.post(payload, task);
    if (answer.status >= 200 && answer.status < 300) return { status: answer.status };
    throw wishFor(answer);
  }

  private async post({ url, body, timeoutMs }: WebhookPayload, task: TaskContext): Promise<Answer> {
    const text = JSON.stringify(body);
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await postJson({
        url: new URL(url),
        body: text,
        headers: this.headers(text, task),
        signal: AbortSignal.any([task.signal, timeout]),
        allowPrivate: this.settings.webhookAllowPrivate,
      });
    } catch (error) {
      task.signal.throwIfAborted(); // cancelled, or the process must go: that is the reason, not the broken request
      if (timeout.aborted)
        throw new Error(`No answer from ${new URL(url).host} within ${String(timeoutMs)} ms`, {
          cause: error,
        });
      if (error instanceof AddressRefusedError) throw new DoNotRetry(error);
      throw error;
    }
  }

  private headers(body: string, task: TaskContext): Record<string, string> {
    const { webhookSecret } = this.settings;
    const signature =
      webhookSecret === null
        ? {}
        : {
            'shiftwork-signature': `sha256=${createHmac('sha256', webhookSecret).update(body).digest('hex')}`,
          };
    return {
      'shiftwork-task': task.id,
      'shiftwork-execution': String(task.execution),
      'user-agent': 'shiftwork',
      ...signature,
    };
  }
}

function wishFor({ status, retryAfter }: Answer): Error {
  const error = new WebhookRefusedError(status);
  if (status < 500 && status !== 429) return new DoNotRetry(error);
  const ms = retryAfterMs(retryAfter, Date.now());
  return ms === undefined ? error : new RetryIn(ms, error);
}
