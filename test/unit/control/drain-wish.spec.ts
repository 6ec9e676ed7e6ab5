import { describe, expect, it } from 'vitest';
import {
  type DrainWish,
  hasLapsed,
  isAsked,
  isLive,
  parseWish,
  releaseToAsk,
  rolesToQuiet,
} from '../../../src/control/drain-wish.js';

const wish: DrainWish = {
  id: 'w1',
  roles: ['clock', 'worker'],
  release: 'r1',
  kind: 'lease',
  by: 'deploy',
  expiresAt: 1_000,
  withdrawnAt: null,
};

describe('a drain wish', () => {
  it('asks the processes of its release that have one of its roles', () => {
    expect(isAsked({ roles: ['worker'], release: 'r1' }, wish)).toBe(true);
    expect(isAsked({ roles: ['web', 'worker'], release: 'r1' }, wish)).toBe(true);
    expect(isAsked({ roles: ['web'], release: 'r1' }, wish)).toBe(false);
    expect(isAsked({ roles: ['worker'], release: 'r2' }, wish)).toBe(false);
  });

  it('is live until it runs out or is taken back, and only running out is a lapse', () => {
    expect(isLive(wish, 999)).toBe(true);
    expect(isLive(wish, 1_000)).toBe(false);
    expect(hasLapsed(wish, 1_000)).toBe(true);
    const withdrawn = { ...wish, withdrawnAt: 500 };
    expect(isLive(withdrawn, 600)).toBe(false);
    expect(hasLapsed(withdrawn, 1_000)).toBe(false);
  });

  it('quiets only the asked roles of a process that has several, and the union when several ask', () => {
    const process = { roles: ['web', 'worker', 'clock'] as const, release: 'r1' };
    expect(rolesToQuiet(process, [{ ...wish, roles: ['worker'] }])).toEqual(['worker']);
    expect(
      rolesToQuiet(process, [
        { ...wish, roles: ['worker'] },
        { ...wish, roles: ['clock'] },
      ]),
    ).toEqual(['worker', 'clock']);
    expect(rolesToQuiet(process, [{ ...wish, release: 'r2' }])).toEqual([]);
    expect(rolesToQuiet(process, [])).toEqual([]);
  });

  it('is read back from its text, and anything else in that hash is passed over', () => {
    expect(parseWish(JSON.stringify(wish))).toEqual(wish);
    for (const text of [
      '',
      '{',
      'null',
      '7',
      '{}',
      JSON.stringify({ ...wish, roles: ['cook'] }),
      JSON.stringify({ ...wish, kind: 'plea' }),
    ]) {
      expect(parseWish(text)).toBeNull();
    }
  });
});

describe('the release to ask', () => {
  it('is the own one when somebody runs it, when it was named, or when nobody runs at all', () => {
    expect(releaseToAsk('own', false, ['own', 'other'])).toBe('own');
    expect(releaseToAsk('own', true, ['other'])).toBe('own');
    expect(releaseToAsk('own', false, [])).toBe('own');
  });

  it('is the only one that runs, for a caller whose own release was never named', () => {
    expect(releaseToAsk('hash-of-a-laptop', false, ['r7', 'r7'])).toBe('r7');
    expect(releaseToAsk('hash-of-a-laptop', false, ['r7', 'r8'])).toBe('hash-of-a-laptop');
  });
});
