/** A fast disk confirms a commit in less, ms. */
const LEAST_PATIENCE_MS = 1;
/** Thrice what PostgreSQL works on an item, ms. */
const PATIENCE_PER_ITEM_MS = 0.03;

/**
 * Flights that take turns at a server. Side by side they are in each other's way there; then they come back together, set out
 * together again, and have left the server idle meanwhile. (A hundred callers in two flights: 7 to 13 % more tasks a second. A
 * thousand in four: up to 8 %.) A small flight has the server to itself, large ones go two abreast: it needs longer for one than we do.
 *
 * Who has not been answered after thrice the time that the server works on so many waits for the disk, or for a server that others
 * keep busy, and the next may go all the same.
 */
export class Turns {
  private small = 0;
  private large = 0;

  /** A flight of up to `most` items is a small one. `onFree` is called when another may go. */
  constructor(
    private readonly most: number,
    private readonly onFree: () => void,
  ) {}

  get isFree(): boolean {
    return this.small === 0 && this.large < 2;
  }

  /** Begins the turn of a flight of so many items. It is over when the answer is called, or when patience is. */
  take(items: number): () => void {
    const kind = items > this.most ? 'large' : 'small';
    this[kind]++;
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this[kind]--;
      this.onFree();
    };
    const timer = setTimeout(end, Math.max(LEAST_PATIENCE_MS, items * PATIENCE_PER_ITEM_MS));
    return end;
  }
}
