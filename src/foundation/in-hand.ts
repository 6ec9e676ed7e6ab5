/**
 * A set of objects that stay for a moment only, thousands a second. Each gets a place, which is emptied when it goes.
 *
 * A `Set` would do, were it not for the garbage collector: with so much coming and going it replaces its table again and again. The
 * old tables have been promoted to the old generation by then, and keep alive all that they held until that is collected. So every
 * task was copied twice, and the heap of a busy worker grew by 50 MB a second.
 */
export class InHand<T extends object> {
  private readonly things: (T | undefined)[] = [];
  private readonly free: number[] = [];

  /** Answers its place. */
  add(thing: T): number {
    const place = this.free.pop() ?? this.things.length;
    this.things[place] = thing;
    return place;
  }

  /** Empties a place that `add` gave and that is not empty yet. */
  remove(place: number): void {
    this.things[place] = undefined;
    this.free.push(place);
  }

  /** In no particular order. */
  values(): T[] {
    return this.things.filter((thing) => thing !== undefined);
  }
}
