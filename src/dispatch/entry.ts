/** A task as Redis holds it while it waits: Bull's job, whose id is the task's id. */
export interface Entry {
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  /** The payload as JSON text; parsed once, in the worker. */
  readonly payload: string;
  /** 1 (first) … 1000; null: after all that have one. */
  readonly priority: number | null;
  /** Epoch ms at which it becomes due; null or past: it waits now. Beyond the window it stays in the ledger. */
  readonly dueAt: number | null;
  /** Epoch ms at which the task was accepted. */
  readonly at: number;
  /** It took a worker down with it before: one of these per process at a time. */
  readonly suspect?: boolean;
  /** `head`: handed over, goes first, and is taken out of `active` if it is still there. `tail`: leaves an active entry alone. */
  readonly where: 'tail' | 'head';
}

/** Only tasks due within this long are in Redis; later ones stay in the ledger until the window reaches them. */
export const WINDOW_MS = 10 * 60_000;
