/** What a worker is handed instead of a Bull job. */
export interface Delivery {
  readonly taskId: string;
  readonly job: string;
  readonly queue: string;
  /** `<processId>:<n>`: minted for this delivery, never used again; also the value of the entry's lock. */
  readonly claim: string;
  /** The payload as JSON text. */
  readonly payloadText: string;
  /** It took a worker down with it before. */
  readonly suspect: boolean;
  /** Epoch ms. */
  readonly deliveredAt: number;
}

/** What becomes of the entry. The ledger has been written before it is answered. */
export type Disposition =
  /** The row is final: the entry leaves Redis. */
  | { readonly kind: 'settled' }
  /** The row waits until then (epoch ms). */
  | { readonly kind: 'later'; readonly runAt: number }
  /** The row waits, handed over: before everything else. */
  | { readonly kind: 'head' }
  /** The row is STARTED by another execution: the entry is left alone. */
  | { readonly kind: 'drop' }
  /** The row is parked until a process comes that knows the job: the entry leaves Redis. */
  | { readonly kind: 'park' };

/** A run under way. */
export interface Run {
  /** The slot is free: the job has settled. Never rejects. */
  readonly ended: Promise<void>;
  /** Its outcome is committed. Never rejects. */
  readonly disposition: Promise<Disposition>;
}

/** A delivery whose START is committed and that waits for a slot. */
export interface Prepared {
  run(): Run;
  /** It will not be run after all: makes the row wait again (uncounted) and answers where the entry goes. */
  release(): Promise<Disposition>;
}

/**
 * Takes a batch of deliveries, commits START for all of them in one statement and answers each, in the same order: prepared,
 * or what becomes of an entry that must not run. Rejecting (the ledger is away) returns the whole batch to the queue.
 */
export type Handler = (deliveries: readonly Delivery[]) => Promise<readonly (Prepared | Disposition)[]>;
