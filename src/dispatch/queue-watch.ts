import { MAX_TIMER_MS } from '../foundation/index.js';
import type { Fetched } from './entries.js';
import type { WakeLine } from './wake-line.js';

/**
 * So many blocking reads may come back empty before we look into the queue without being woken. A token can only be lost
 * with the process that took it (its death wakes all queues) or with a connection (we look after each reconnection):
 * this look is a belt to those braces, and rare, so that an idle worker makes about two commands per queue and minute.
 */
const EMPTY_READS = 10;

/** What a lane knows of one of its queues: whether it is worth a look, and when its next delayed entry is due. */
export class QueueWatch {
  /** False: it was empty (or paused, or wiped) when last seen, and nothing has been heard since. */
  isWorthALook = true;
  /** How often it was said to be worth a look: a reply that left Redis before the last time must not deny it. */
  calls = 0;
  /** Batches from here whose starts have been answered: the next fetch says so. */
  readonly answered: string[] = [];
  private emptyReads = 0;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;

  constructor(
    readonly queue: string,
    private readonly line: Pick<WakeLine, 'wait' | 'close'>,
    private readonly onWorthALook: (watch: QueueWatch) => void,
  ) {}

  /** What a fetch of up to `asked` entries found that was sent when `calls` were counted. */
  noteFetched(fetched: Fetched, asked: number, calls: number): void {
    // With n = 0 the fetch only looked. What is left may be ghosts: then the next look finds out.
    const isEmpty = fetched.state !== 'open' || (asked > 0 && fetched.left === 0);
    if (isEmpty && calls === this.calls) this.isWorthALook = false;
    if (fetched.dueInMs !== null) this.lookIn(fetched.dueInMs);
  }

  /** Looks again in so many ms, or earlier if it was going to. */
  lookIn(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(
      () => {
        this.timerAt = Infinity;
        this.worthALook();
      },
      Math.min(ms, MAX_TIMER_MS),
    );
  }

  /** Woken, connected, or one more read came back empty. */
  noteWake(why: 'token' | 'connected' | 'empty'): void {
    if (why === 'empty' && ++this.emptyReads < EMPTY_READS) {
      this.onWorthALook(this); // not worth a look, but the wait must begin again: the lane decides whether it wants to
      return;
    }
    this.worthALook();
  }

  /** Waits to be woken. */
  rest(): void {
    this.line.wait();
  }

  /** No more timers: somebody else looks after the queue. */
  standDown(): void {
    clearTimeout(this.timer);
    this.timerAt = Infinity;
  }

  close(): void {
    this.standDown();
    this.line.close();
  }

  /** Says that it is worth a look. */
  private worthALook(): void {
    this.emptyReads = 0;
    this.calls++;
    this.isWorthALook = true;
    this.onWorthALook(this);
  }
}
