import { type Backoff, MAX_TIMER_MS } from '../foundation/index.js';
import type { PayloadDeclaration } from './payload-schema.js';

/** What `@JobHandler` takes. */
export interface JobOptions<D extends PayloadDeclaration = PayloadDeclaration> {
  /** How everybody calls the job: `images.thumbnail`. Letters, digits, `.`, `_`, `-`. Stored with every task, so never rename it. */
  readonly name: string;
  /** The queue its tasks wait in. Default `default`. */
  readonly queue?: string;
  /** What its payload must look like: a class-validator DTO or a Standard Schema. `NoPayload` for none. */
  readonly payload: D;
  /** Executions that may end in an error, the first included. Default 3. */
  readonly attempts?: number;
  /** Pause between attempts; `delay` in ms. Default exponential from 1,000 ms (1 s, 2 s, 4 s …, at most 1 h, jittered by 20 %). */
  readonly backoff?: Backoff;
  /**
   * ms after which `task.signal` fires with `TaskTimedOut` and the attempt has failed; at most `MOST_TIMEOUT_MS`. Default null: no
   * timeout.
   */
  readonly timeout?: number | null;
  /**
   * When the process dies while the task runs, or has to go and the task does not answer its signal: `rerun` (default, at most 3
   * crashes), or `fail`, for effects that must not repeat. With `fail` a run waits for its START to be on PostgreSQL's disk, as the
   * release says that runs it.
   */
  readonly onWorkerLost?: 'rerun' | 'fail';
  /** Two executions side by side, or under the same number, would do harm: as with `fail`, a run waits for the disk. Default: false. */
  readonly exclusive?: boolean;
}

/** About 24.8 days: Node has no longer timer, and the ledger's column holds no more. */
export const MOST_TIMEOUT_MS = MAX_TIMER_MS;

export const DEFAULT_QUEUE = 'default';
export const DEFAULT_ATTEMPTS = 3;
export const DEFAULT_BACKOFF: Backoff = { type: 'exponential', delay: 1_000 };

/** The payload of a job that needs none: `{}`. */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- a payload class without properties is the whole point
export class NoPayload {}
