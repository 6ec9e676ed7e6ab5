import { describe, expect, it } from 'vitest';
import { InHand } from '../../../src/foundation/index.js';

describe('things in hand', () => {
  it('are what was added and not removed; places are used again', () => {
    const inHand = new InHand<{ n: number }>();
    const places = [1, 2, 3].map((n) => inHand.add({ n }));
    expect(new Set(places).size).toBe(3);
    inHand.remove(places[1] ?? -1);
    expect([inHand.size, inHand.values().map(({ n }) => n)]).toEqual([2, [1, 3]]);
    expect(inHand.add({ n: 4 })).toBe(places[1]);
    expect([inHand.size, inHand.values().map(({ n }) => n)]).toEqual([3, [1, 4, 3]]);
  });
});
