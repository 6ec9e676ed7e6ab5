import type { JobDefinition, JsonSchema } from '../../jobs/index.js';

/** PROTOCOL `Job`. */
export interface JobView {
  readonly name: string;
  readonly queue: string;
  readonly payloadSchema: JsonSchema;
  readonly attempts: number;
  readonly backoff: { readonly type: string; readonly delay: number };
  readonly timeout: number | null;
  readonly onWorkerLost: 'rerun' | 'fail';
}

export function jobView(job: JobDefinition): JobView {
  const { name, queue, payloadSchema, attempts, backoff, timeoutMs, onWorkerLost } = job;
  return {
    name,
    queue,
    payloadSchema,
    attempts,
    backoff: { type: backoff.type, delay: backoff.delay },
    timeout: timeoutMs,
    onWorkerLost,
  };
}
