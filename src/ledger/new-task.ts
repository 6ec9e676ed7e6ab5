import type { Backoff } from '../foundation/index.js';

/** What one request to run a job says, checked and complete. */
export interface NewTask {
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  /** JSON text, ≤ 256 KiB. */
  readonly payloadText: string;
  readonly priority: number | null;
  readonly key: string | null;
  readonly idempotencyKey: string | null;
  /** Tells a repeated request from another one under the same idempotency key. */
  readonly requestHash: string | null;
  readonly attemptsMax: number;
  readonly timeoutMs: number | null;
  readonly backoff: Backoff;
  readonly onWorkerLost: 'rerun' | 'fail';
  /** Set when the task is due later; null: now. */
  readonly dueAt: Date | null;
  readonly retryOf: string | null;
}

/** What became of a `NewTask`: its own row, or the one that already had its idempotency key. */
export interface Accepted {
  readonly id: string;
  readonly isNew: boolean;
  /** When PostgreSQL wrote it. */
  readonly createdAt: Date;
}
