import { describe, expect, it } from 'vitest';
import { Silence } from '../../../src/fleet/thread/silence.js';
import { LoopWatch } from '../../../src/fleet/thread/loop-watch.js';

describe('Silence', () => {
  it('is over with every beat that arrives', () => {
    const silence = new Silence(0, 0);
    for (let now = 250; now < 60_000; now += 250) {
      expect(silence.look(now, now)).toBeNull();
      if (now % 1_500 === 0) silence.proved(10);
    }
  });

  it('is too long after 4 s in which nobody could be reached', () => {
    const silence = new Silence(0, 0);
    const verdicts = [];
    for (let now = 250; now <= 4_500; now += 250) verdicts.push([now, silence.look(now, now)]);
    expect(verdicts.find(([, silentMs]) => silentMs !== null)).toEqual([4_250, 4_250]);
  });

  it('is too long after a gap in which we were not there: frozen, or suspended (only the wall clock ran on)', () => {
    expect(new Silence(0, 0).look(6_001, 6_001)).toBe(6_001);
    expect(new Silence(0, 0).look(10, 90_000)).toBe(90_000);
  });

  it('does not take a starved thread or a wall clock that is set back for a death', () => {
    const silence = new Silence(0, 100_000);
    expect(silence.look(5_900, 105_900)).toBeNull();
    expect(silence.look(6_000, 0)).toBeNull();
  });
});

describe('LoopWatch', () => {
  it('adds up while the loop does not tick and begins anew when it does', () => {
    const watch = new LoopWatch(0, 1);
    for (let now = 250; now <= 5_000; now += 250) expect(watch.look(now, 1)).toBe(false);
    expect(watch.sinceTickMs).toBe(5_000);
    expect(watch.look(5_250, 2)).toBe(true);
    expect(watch.sinceTickMs).toBe(0);
  });

  it('does not count a freeze of the whole process as a blocked loop', () => {
    const watch = new LoopWatch(0, 1);
    watch.look(3_600_000, 1);
    expect(watch.sinceTickMs).toBe(1_000);
  });
});
