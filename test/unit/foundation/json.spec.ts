import { describe, expect, it } from 'vitest';
import {
  backoffMs,
  BACKOFF_CAP_MS,
  inKeyOrder,
  NotJsonError,
  storableText,
  toJsonText,
  truncateBytes,
} from '../../../src/foundation/index.js';

describe('toJsonText', () => {
  it('writes what JSON can hold, Dates as instants', () => {
    expect(toJsonText({ a: [1, 'é', null, true], at: new Date(0), gone: undefined })).toBe(
      '{"a":[1,"é",null,true],"at":"1970-01-01T00:00:00.000Z"}',
    );
  });

  it.each([
    ['a function', { a: () => 1 }, 'a'],
    ['NaN', { a: { b: [0, Number.NaN] } }, 'a.b.1'],
    ['a bigint', 1n, ''],
    ['a Map', { m: new Map() }, 'm'],
    ['a NUL character', { s: 'a\u0000' }, 's'],
    ['half a surrogate pair', { s: '\ud800' }, 's'],
  ])('names the path of %s', (_, value, path) => {
    expect(() => toJsonText(value)).toThrow(
      expect.objectContaining({ code: 'not-json', path }) as NotJsonError,
    );
  });

  it('refuses a value that refers back to itself, and allows one that appears twice', () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(() => toJsonText(loop)).toThrow(NotJsonError);
    const twice = { x: 1 };
    expect(toJsonText([twice, twice])).toBe('[{"x":1},{"x":1}]');
  });
});

describe('inKeyOrder', () => {
  it('gives what is equal the same text, whatever the order of its keys, and leaves lists and Dates as they are', () => {
    const at = new Date('2026-11-21T08:00:00Z');
    const [one, other] = [
      { b: [2, 1], a: { d: at, c: null } },
      { a: { c: null, d: at }, b: [2, 1] },
    ];
    expect(JSON.stringify(inKeyOrder(one))).toBe(JSON.stringify(inKeyOrder(other)));
    expect(inKeyOrder(one)).toEqual(one);
  });
});

describe('text for the ledger', () => {
  it('is cut at whole characters', () => {
    expect(truncateBytes('aéé', 3)).toBe('aé');
    expect(truncateBytes('aéé', 4)).toBe('aé');
    expect(truncateBytes('short', 100)).toBe('short');
  });

  it('has no NUL and no lone surrogates', () => {
    expect(storableText('a\u0000b\ud800')).toBe('a\uFFFDb\uFFFD');
  });
});

describe('backoffMs', () => {
  it('doubles from attempt to attempt, up to an hour, within a fifth either way', () => {
    const backoff = { type: 'exponential', delay: 1_000 } as const;
    expect([1, 2, 3].map((attempt) => backoffMs(backoff, attempt, 0.5))).toEqual([1_000, 2_000, 4_000]);
    expect(backoffMs(backoff, 60, 0.5)).toBe(BACKOFF_CAP_MS);
    expect(backoffMs(backoff, 1, 0)).toBe(800);
    expect(backoffMs(backoff, 1, 0.999)).toBe(1_200);
    expect(backoffMs({ type: 'fixed', delay: 500 }, 7, 0.5)).toBe(500);
  });
});
