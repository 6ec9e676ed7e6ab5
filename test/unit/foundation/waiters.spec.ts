import { describe, expect, it } from 'vitest';
import { Waiters } from '../../../src/foundation/index.js';

describe('Waiters', () => {
  it('resolves at once when the condition holds already', async () => {
    await new Waiters().until(() => true);
  });

  // Proven: with `if` instead of `while` in `until`, the first wake ends the wait.
  it('asks again after each wake, and goes on waiting while the condition does not hold', async () => {
    const waiters = new Waiters();
    const asked: number[] = [];
    let left = 2;
    const done = waiters.until(() => {
      asked.push(left);
      return left === 0;
    });
    while (left > 0) {
      left--;
      waiters.wake();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await done;
    expect(asked).toEqual([2, 1, 0]);
    expect(waiters.isEmpty).toBe(true);
  });

  it('wakes everybody who waits', async () => {
    const waiters = new Waiters();
    const all = Promise.all([waiters.next(), waiters.next()]);
    expect(waiters.isEmpty).toBe(false);
    waiters.wake();
    await all;
  });
});
