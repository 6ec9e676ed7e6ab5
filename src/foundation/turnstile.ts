/** Lets so many through at once; the others wait for their turn, first come first served. */
export class Turnstile {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly atOnce: number) {}

  /** Settles as `work` does, which begins when it is its turn. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside < this.atOnce) this.inside++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve)); // whoever leaves hands its place over
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.inside--;
      else next();
    }
  }
}
