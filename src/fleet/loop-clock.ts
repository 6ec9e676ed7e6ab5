/** The main loop ticks this often, ms. */
export const TICK_MS = 1_000;

/** Two numbers that both threads see: how often the main loop has ticked, and how late its last tick was (ms). */
export class LoopClock {
  private readonly numbers: Int32Array;

  constructor(readonly shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.numbers = new Int32Array(shared);
  }

  tick(lagMs: number): void {
    Atomics.store(this.numbers, 1, Math.round(lagMs));
    Atomics.add(this.numbers, 0, 1);
  }

  get ticks(): number {
    return Atomics.load(this.numbers, 0);
  }

  get lagMs(): number {
    return Atomics.load(this.numbers, 1);
  }
}
