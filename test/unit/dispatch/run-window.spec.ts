import { describe, expect, it } from 'vitest';
import { RunWindow } from '../../../src/dispatch/run-window.js';

/** Lets runs end one after the other, each `everyMs` after the one before, after running for `durationMs`. */
function end(window: RunWindow, runs: number, everyMs: number, durationMs: number, fromMs = 1_000): number {
  for (let i = 0; i < runs; i++) window.noteEnd(fromMs + i * everyMs, durationMs);
  return fromMs + runs * everyMs;
}

describe('how far ahead a lane fetches', () => {
  it('is not at all before anything has run', () => {
    expect(new RunWindow(10).ahead).toBe(0);
  });

  it('grows with every run that ends, up to 200, while runs are short', () => {
    const window = new RunWindow(10);
    const now = end(window, 16, 0.1, 0.05);
    expect(window.ahead).toBe(16);
    end(window, 500, 0.1, 0.05, now);
    expect(window.ahead).toBe(200);
  });

  it('is what the slots finish in 50 ms at the median of the recent runs', () => {
    const window = new RunWindow(10);
    end(window, 500, 0.5, 5); // ten slots, 5 ms each: a hundred in 50 ms
    expect(window.ahead).toBe(100);
  });

  it('is nothing while runs are long', () => {
    const window = new RunWindow(10);
    end(window, 500, 100, 1_000);
    expect(window.ahead).toBe(0);
  });

  it('trusts what really ended more than what the median promises: runs may share one processor', () => {
    const window = new RunWindow(50);
    end(window, 500, 5, 5); // fifty slots, but one after the other
    expect(window.ahead).toBe(10);
  });

  it('begins anew after an entry came too late', () => {
    const window = new RunWindow(10);
    const now = end(window, 500, 0.1, 0.05);
    window.noteLate();
    expect(window.ahead).toBe(0);
    end(window, 40, 0.1, 0.05, now);
    expect(window.ahead).toBe(40);
  });
});
