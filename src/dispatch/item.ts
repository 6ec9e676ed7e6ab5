import type { Delivery, Prepared } from './delivery.js';
import type { HeldEntry } from './entries.js';

/** A delivery on its way through a lane: one object per task, from fetch to acknowledgement. */
export class Item implements Delivery, HeldEntry {
  prepared: Prepared | undefined;
  /** Monotonic ms: fetched; then ready for a slot; then started. */
  since = 0;
  /** In its lane's hands; -1: not any more. */
  place = -1;
  hasStarted = false;
  hasEnded = false;
  isDisposed = false;

  constructor(
    readonly taskId: string,
    readonly job: string,
    readonly queue: string,
    readonly claim: string,
    readonly payloadText: string,
    readonly suspect: boolean,
    readonly deliveredAt: number,
    public isLocked: boolean,
  ) {}
}
