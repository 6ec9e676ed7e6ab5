import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Batcher, deferred } from '../../../src/foundation/index.js';

describe('Batcher', () => {
  it('sends a lone item at once and gathers what comes while the slots are taken', async () => {
    const flushes: number[][] = [];
    const gates = [deferred(), deferred()];
    const batcher = new Batcher<number, number>(
      async (items) => {
        flushes.push([...items]);
        await gates[flushes.length - 1]?.promise;
        return items.map((item) => item * 2);
      },
      { maxItems: 10, inFlight: 1 },
    );
    const first = batcher.add(1);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const later = [2, 3, 4].map((item) => batcher.add(item));
    gates[0]?.resolve();
    expect(await first).toBe(2);
    gates[1]?.resolve();
    expect(await Promise.all(later)).toEqual([4, 6, 8]);
    expect(flushes).toEqual([[1], [2, 3, 4]]);
  });

  it('never flushes more than it may, and keeps the order', async () => {
    const flushes: number[][] = [];
    const batcher = new Batcher<number, number>(
      (items) => {
        flushes.push([...items]);
        return Promise.resolve(items);
      },
      { maxItems: 4, inFlight: 1 },
    );
    await Promise.all(Array.from({ length: 10 }, (_, i) => batcher.add(i)));
    expect(flushes).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
  });

  it('shares a crowd among the flights, and counts every item that has not settled', async () => {
    const flushes: number[] = [];
    const gate = deferred();
    const batcher = new Batcher<number, number>(
      async (items) => {
        flushes.push(items.length);
        await gate.promise;
        return items;
      },
      { maxItems: 40, inFlight: 2, shareFrom: 5 },
    );
    const settled = Promise.all(Array.from({ length: 60 }, (_, i) => batcher.add(i)));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(flushes).toEqual([30, 30]);
    expect(batcher.size).toBe(60);
    gate.resolve();
    await settled;
    await batcher.idle();
    const few = Array.from({ length: 8 }, (_, i) => batcher.add(i));
    await Promise.all(few);
    expect(flushes.slice(2)).toEqual([5, 3]);
  });

  describe('whose flights take turns', () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    const setup = () => {
      const flights: { items: number; answered: () => void; land: () => void }[] = [];
      const batcher = new Batcher<number, number>(
        async (items, answered) => {
          const { promise, resolve } = deferred();
          flights.push({ items: items.length, answered, land: resolve });
          await promise;
          return items;
        },
        { maxItems: 40, inFlight: 4, shareFrom: 5, takesTurns: true },
      );
      const add = (count: number) => Array.from({ length: count }, (_, i) => batcher.add(i));
      const sizes = () => flights.map(({ items }) => items);
      /** How large the flights are with a second crowd waiting, and after `act`. */
      const beforeAndAfter = async (act: () => void) => {
        const first = Promise.all(add(5));
        await turn();
        const second = Promise.all(add(5));
        await turn();
        const seen = [sizes()];
        act();
        seen.push(sizes());
        for (const flight of flights) flight.land();
        await Promise.all([first, second]);
        return seen;
      };
      return { flights, add, sizes, beforeAndAfter };
    };

    // Proven: without the turn the second one goes at once.
    it('lets the next small one go when the server has answered, while the first is still under way', async () => {
      const { flights, beforeAndAfter } = setup();
      expect(await beforeAndAfter(() => flights[0]?.answered())).toEqual([[5], [5, 5]]);
    });

    it('lets two large ones go abreast, and no third', async () => {
      const { flights, add, sizes } = setup();
      const all = Promise.all(add(40));
      await turn();
      expect(sizes()).toEqual([10, 10]);
      flights[1]?.answered();
      expect(sizes()).toEqual([10, 10, 10]);
      flights[0]?.answered();
      expect(sizes()).toEqual([10, 10, 10, 10]);
      for (const flight of flights) flight.land();
      await all;
    });

    it('loses its patience with a server that does not answer', async () => {
      expect(await setup().beforeAndAfter(() => vi.runAllTimers())).toEqual([[5], [5, 5]]);
    });

    it('goes on after a flight that failed before it was answered', async () => {
      let flights = 0;
      const batcher = new Batcher<number, number>(
        () => (flights++ === 0 ? Promise.reject(new Error('down')) : Promise.resolve([flights])),
        { maxItems: 1, inFlight: 4, takesTurns: true },
      );
      const [first, second] = [batcher.add(1), batcher.add(2)];
      await expect(first).rejects.toThrow('down');
      expect(await second).toBe(2);
    });
  });

  it('rejects the one item whose outcome is an Error, and all of them when the flush throws', async () => {
    const picky = new Batcher<number, number>(
      (items) => Promise.resolve(items.map((item) => (item === 2 ? new Error('two') : item))),
      { maxItems: 10, inFlight: 1 },
    );
    const outcomes = await Promise.allSettled([1, 2, 3].map((item) => picky.add(item)));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const broken = new Batcher<number, number>(() => Promise.reject(new Error('down')), {
      maxItems: 10,
      inFlight: 1,
    });
    await expect(Promise.all([broken.add(1), broken.add(2)])).rejects.toThrow('down');
    await broken.idle();
  });

  it('lets a promised outcome keep only its own caller waiting', async () => {
    const locked = deferred<number>();
    const batcher = new Batcher<number, number>(
      (items) => Promise.resolve(items.map((item) => (item === 1 ? locked.promise : item))),
      { maxItems: 10, inFlight: 1 },
    );
    const [slow, quick] = [batcher.add(1), batcher.add(2)];
    expect(await quick).toBe(2);
    expect(await batcher.add(3)).toBe(3);
    locked.resolve(9);
    expect(await slow).toBe(9);
  });
});
