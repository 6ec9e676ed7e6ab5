import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { inKeyOrder, isStorableText, MOST_DELAY_MS, toJsonText } from '../foundation/index.js';
import { MOST_TIMEOUT_MS, type PayloadIssue } from '../jobs/index.js';
import { InvalidOptionsError } from './task-errors.js';

/** What a caller may say about one task. Everything left out comes from the job. */
export interface EnqueueOptions {
  /** Not before this moment; a past one means now. Excludes `delay`. */
  readonly runAt?: Date | undefined;
  /** ms from now. Excludes `runAt`. */
  readonly delay?: number | undefined;
  /** The caller's own tag, at most 100 characters ("order:17"); lists can be filtered by it. */
  readonly key?: string | undefined;
  /** 1 (first) to 1000; tasks without one come after all that have one. */
  readonly priority?: number | undefined;
  /** Executions that may end in an error, the first included; 1 to 1000. */
  readonly attempts?: number | undefined;
  /** ms an attempt may take; 1 to `MOST_TIMEOUT_MS`. */
  readonly timeout?: number | undefined;
  /** 1 to 255 printable ASCII characters: the same job and key give the same task, as long as its row is kept. */
  readonly idempotencyKey?: string | undefined;
  /** Refuse (`NoWorkerError`) when no live worker serves the queue. */
  readonly requireWorker?: boolean | undefined;
  /** Accept the task with the caller's own rows: it exists exactly if they commit, and is dispatched right after. */
  readonly transaction?: EntityManager | undefined;
  /** The FailedTask that this task is a retry of. For the failures room. */
  readonly retryOf?: string | undefined;
}

/** Throws `InvalidOptionsError` with every fault; paths begin with `options.`. */
export function checkOptions(options: EnqueueOptions): void {
  const issues: PayloadIssue[] = [];
  const demand = (holds: boolean, name: string, message: string): void => {
    if (!holds) issues.push({ path: `options.${name}`, message });
  };
  const { runAt, delay, key, priority, attempts, timeout, idempotencyKey } = options;
  demand(
    runAt === undefined || isInstant(runAt),
    'runAt',
    'must be an instant: in JSON 2026-11-21T08:00:00.000Z, in code a Date',
  );
  demand(runAt === undefined || delay === undefined, 'delay', 'cannot be given together with runAt');
  demand(
    delay === undefined || isWhole(delay, 0, MOST_DELAY_MS),
    'delay',
    `must be a whole number of milliseconds from 0 to ${String(MOST_DELAY_MS)}`,
  );
  demand(
    !isInstant(runAt) || runAt.getTime() <= Date.now() + MOST_DELAY_MS,
    'runAt',
    'must not be more than ten years from now',
  );
  demand(
    key === undefined ||
      (typeof key === 'string' && key.length >= 1 && key.length <= 100 && isStorableText(key)),
    'key',
    'must be 1 to 100 characters of text',
  );
  demand(
    priority === undefined || isWhole(priority, 1, 1_000),
    'priority',
    'must be a whole number from 1 (first) to 1000',
  );
  demand(
    attempts === undefined || isWhole(attempts, 1, 1_000),
    'attempts',
    'must be a whole number from 1 to 1000',
  );
  demand(
    timeout === undefined || isWhole(timeout, 1, MOST_TIMEOUT_MS),
    'timeout',
    `must be a whole number of milliseconds from 1 to ${String(MOST_TIMEOUT_MS)}`,
  );
  demand(
    idempotencyKey === undefined || isIdempotencyKey(idempotencyKey),
    'idempotencyKey',
    'must be 1 to 255 printable ASCII characters',
  );
  demand(
    options.requireWorker === undefined || typeof options.requireWorker === 'boolean',
    'requireWorker',
    'must be true or false',
  );
  if (issues.length > 0) throw new InvalidOptionsError(issues);
}

/** 1 to 255 printable ASCII characters. */
export function isIdempotencyKey(text: unknown): text is string {
  return typeof text === 'string' && /^[\x20-\x7e]{1,255}$/.test(text);
}

/** When the task is due, or null for now. */
export function dueAtOf(options: EnqueueOptions, now: number): Date | null {
  const at = options.runAt?.getTime() ?? (options.delay === undefined ? now : now + options.delay);
  return at > now ? new Date(at) : null;
}

/** Tells a repeated request from another one under the same key: job, payload and options, whatever their order. */
export function requestHash(job: string, payload: unknown, options: EnqueueOptions): string {
  const { runAt, delay, key, priority, attempts, timeout } = options;
  const request = toJsonText(
    inKeyOrder({ job, payload, options: { runAt, delay, key, priority, attempts, timeout } }),
  );
  return createHash('sha256').update(request).digest('base64url');
}

function isInstant(value: unknown): value is Date {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
