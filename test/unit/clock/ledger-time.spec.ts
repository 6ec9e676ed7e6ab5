import { describe, expect, it } from 'vitest';
import { LedgerTime } from '../../../src/clock/ledger-time.js';

function setup(): { time: LedgerTime; clocks: { wall: number; monotonic: number } } {
  const clocks = { wall: 5_000_000, monotonic: 40 };
  const time = new LedgerTime({ wallMs: () => clocks.wall, monotonicMs: () => clocks.monotonic });
  time.sync(new Date('2026-11-25T12:00:00Z'));
  return { time, clocks };
}

const shown = (time: LedgerTime): string => new Date(time.now()).toISOString();

describe('the database’s time, told without asking', () => {
  it('goes on with the monotonic clock', () => {
    const { time, clocks } = setup();
    clocks.monotonic += 61_500;
    clocks.wall += 61_500;
    expect(shown(time)).toBe('2026-11-25T12:01:01.500Z');
    expect(time.jumpedMs()).toBe(0);
  });

  it.each([3_600_000, -3_600_000])(
    'does not follow a wall clock that is set by %d ms, but notices it',
    (jump) => {
      const { time, clocks } = setup();
      clocks.monotonic += 1_000;
      clocks.wall += 1_000 + jump;
      expect(shown(time)).toBe('2026-11-25T12:00:01.000Z');
      expect(time.jumpedMs()).toBe(jump);
    },
  );

  it('is right again once the database was asked after the machine slept', () => {
    const { time, clocks } = setup();
    clocks.wall += 3_600_000; // the monotonic clock stood still
    expect(time.jumpedMs()).toBe(3_600_000);
    time.sync(new Date('2026-11-25T13:00:00Z'));
    expect(time.jumpedMs()).toBe(0);
    expect(shown(time)).toBe('2026-11-25T13:00:00.000Z');
  });
});
