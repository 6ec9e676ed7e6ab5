import { describe, expect, it } from 'vitest';
import { DueHeap } from '../../../src/clock/due-heap.js';

describe('the heap of due moments', () => {
  it('gives what is due, earliest first, and leaves the rest', () => {
    const heap = new DueHeap();
    heap.set('c', 30);
    heap.set('a', 10);
    heap.set('d', 40);
    heap.set('b', 20);
    expect(heap.takeDue(30, 10)).toEqual(['a', 'b', 'c']);
    expect(heap.nextMs).toBe(40);
    expect(heap.size).toBe(1);
  });

  it('takes no more at a time than asked for', () => {
    const heap = new DueHeap();
    for (let i = 0; i < 5; i++) heap.set(String(i), i);
    expect(heap.takeDue(100, 2)).toEqual(['0', '1']);
    expect(heap.takeDue(100, 9)).toEqual(['2', '3', '4']);
  });

  it('forgets what was replaced or removed', () => {
    const heap = new DueHeap();
    heap.set('a', 10);
    heap.set('a', 50);
    heap.set('b', 20);
    heap.delete('b');
    expect(heap.takeDue(30, 10)).toEqual([]);
    expect(heap.nextMs).toBe(50);
  });

  it('holds its order and its size over a hundred thousand changes', () => {
    const heap = new DueHeap();
    let seed = 7;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647);
    const expected = new Map<string, number>();
    for (let i = 0; i < 100_000; i++) {
      const name = String(random() % 1_000);
      if (random() % 10 === 0) {
        heap.delete(name);
        expected.delete(name);
      } else {
        const due = random() % 1_000_000;
        heap.set(name, due);
        expected.set(name, due);
      }
    }
    const order = heap.takeDue(Infinity, Infinity).map((name) => expected.get(name) ?? -1);
    expect(order).toHaveLength(expected.size);
    expect(order).toEqual([...expected.values()].sort((a, b) => a - b));
    expect(heap.nextMs).toBeUndefined();
  });
});
