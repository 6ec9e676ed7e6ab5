interface Entry {
  readonly name: string;
  readonly dueMs: number;
}

/**
 * Which schedule is due next: a heap by due time. 10,000 schedules cost one look at its top; a change costs the
 * logarithm. An entry that was replaced or removed stays in the heap until it comes to the top, and is dropped there.
 */
export class DueHeap {
  private heap: Entry[] = [];
  private readonly current = new Map<string, Entry>();

  /** Number of schedules with a due moment ahead. */
  get size(): number {
    return this.current.size;
  }

  /** The next due moment of that schedule; replaces an earlier one. */
  set(name: string, dueMs: number): void {
    const entry = { name, dueMs };
    this.current.set(name, entry);
    this.heap.push(entry);
    this.up(this.heap.length - 1);
    if (this.heap.length > 2 * this.current.size + 64) this.rebuild();
  }

  delete(name: string): void {
    this.current.delete(name);
  }

  clear(): void {
    this.heap = [];
    this.current.clear();
  }

  /** The earliest due moment of all, or undefined. */
  get nextMs(): number | undefined {
    return this.top()?.dueMs;
  }

  /** Takes out up to `most` schedules that are due at `nowMs`, earliest first. */
  takeDue(nowMs: number, most: number): string[] {
    const names: string[] = [];
    while (names.length < most) {
      const top = this.top();
      if (top === undefined || top.dueMs > nowMs) break;
      this.pop();
      this.current.delete(top.name);
      names.push(top.name);
    }
    return names;
  }

  private top(): Entry | undefined {
    for (let top = this.heap[0]; top !== undefined; top = this.heap[0]) {
      if (this.current.get(top.name) === top) return top;
      this.pop();
    }
    return undefined;
  }

  private pop(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    this.heap[0] = last;
    this.down(0);
  }

  private rebuild(): void {
    this.heap = [...this.current.values()].sort((a, b) => a.dueMs - b.dueMs); // sorted is a heap
  }

  private up(start: number): void {
    for (let child = start; child > 0;) {
      const parent = (child - 1) >> 1;
      if (this.dueAt(parent) <= this.dueAt(child)) return;
      this.swap(parent, child);
      child = parent;
    }
  }

  private down(start: number): void {
    for (let parent = start; ;) {
      const left = 2 * parent + 1;
      const smaller = this.dueAt(left + 1) < this.dueAt(left) ? left + 1 : left;
      if (this.dueAt(parent) <= this.dueAt(smaller)) return;
      this.swap(parent, smaller);
      parent = smaller;
    }
  }

  private dueAt(index: number): number {
    return this.heap[index]?.dueMs ?? Infinity;
  }

  private swap(a: number, b: number): void {
    const [first, second] = [this.heap[a], this.heap[b]];
    if (first === undefined || second === undefined) return;
    this.heap[a] = second;
    this.heap[b] = first;
  }
}
