import { describe, expect, it } from 'vitest';
import { InHand } from '../../../src/foundation/index.js';

describe('things in hand', () => {
  it('are what was added and not removed; places are used again', () => {
    const inHand = new InHand<{ n: number }>();
    const places = [1, 2, 3].map((n) => inHand.add({ n }));
    expect(new Set(places).size).toBe(3);
    inHand.remove(places[1] ?? -1);
    expect(inHand.values()).toEqual([{ n: 1 }, { n: 3 }]);
    expect(inHand.add({ n: 4 })).toBe(places[1]);
    expect(inHand.values()).toEqual([{ n: 1 }, { n: 4 }, { n: 3 }]);
  });
});
