import type { EntityManager } from 'typeorm';

/**
 * What `run` receives beside its payload: who it is, what it did before, and how to tell others about it.
 * `C` is the shape of its checkpoint, see `Job<Payload, Result, Checkpoint>`.
 */
// The default is `any` so that `task.lastCheckpoint?.done` compiles in a `run(payload, task: TaskContext)` whose class
// already says `implements Job<P, R, { done: number }>`: TypeScript does not carry that type into the method's parameters.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export interface TaskContext<C = any> {
  /** The task's id: a good idempotency key towards other systems. */
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  /** Which attempt this is, 1 first. Attempts are executions that may end in an error; interruptions do not count. */
  readonly attempt: number;
  /** Which execution this is, 1 first; it grows by every run, interrupted ones too. Outside systems may refuse a smaller one. */
  readonly execution: number;
  /**
   * Aborts when the run should end now. `signal.reason` says why: `TaskCancelled`, `TaskTimedOut`, or `TaskInterrupted` (the
   * process must go). Pass it on to fetch, timers and streams. A job that ignores it is handed over as it stands.
   */
  readonly signal: AbortSignal;
  /** The last checkpoint of an earlier execution; null on a first run. */
  readonly lastCheckpoint: C | null;
  /**
   * Shows how far it is: percent 0 to 100, and a line for people. Cheap: writes are throttled, and never waited for. Once the
   * run has saved a checkpoint it is handed over here, too; not if you do not wait for it.
   */
  progress(percent: number, message?: string): Promise<void>;
  /**
   * Saves where to resume from, at most 65,536 bytes of JSON. When it resolves the state is committed. While the process is
   * shutting down or draining it hands the task over here: it then throws, and another worker goes on from this state; let
   * the error pass. With `transaction`, the state commits or rolls back with the job's own rows (exactly once), and the
   * handover happens at the next call outside of a transaction.
   */
  checkpoint(state: C, options?: { transaction?: EntityManager }): Promise<void>;
  /** Writes the task's outcome in the job's own transaction: FINISHED exactly if the caller's rows commit. */
  finish(result: unknown, options: { transaction: EntityManager }): Promise<void>;
  /** A line for `GET /tasks/:id/logs`, at most 8 KiB; the newest 1,000 are kept. Never waited for. */
  log(message: string, level?: 'debug' | 'info' | 'warn' | 'error'): void;
}
