import { describe, expect, it } from 'vitest';
import { InvalidRequestError } from '../../../src/http/errors/request-errors.js';
import { readBulk, readEnqueue } from '../../../src/http/reading/enqueue-body.js';
import { readPage } from '../../../src/http/reading/query-reader.js';
import { readCancelFilter } from '../../../src/http/reading/task-query.js';

const NO_HEADERS = { idempotencyKey: undefined, bodyBytes: 100 };

/** The paths that a request is refused for. */
function pathsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.errors.map((fault) => fault.path);
    throw error;
  }
  return [];
}

describe('the body of an enqueue', () => {
  it('is a payload, null included, and options with their types', () => {
    expect(readEnqueue({ payload: null }, NO_HEADERS)).toEqual({ payload: null, options: {} });
    const options = {
      runAt: '2026-11-21T08:00:00.000Z',
      key: 'order:17',
      priority: 1,
      attempts: 5,
      requireWorker: false,
    };
    expect(readEnqueue({ payload: [1], options }, NO_HEADERS)).toEqual({
      payload: [1],
      options: { ...options, runAt: new Date('2026-11-21T08:00:00.000Z') },
    });
  });

  it('takes null for an option as the option left out', () => {
    expect(readEnqueue({ payload: 1, options: { delay: null } }, NO_HEADERS).options).toEqual({});
  });

  it.each([
    ['no object', 'text', ['']],
    ['an array', [], ['']],
    ['no payload', {}, ['payload']],
    ['an unknown key', { payload: 1, option: {} }, ['option']],
    ['an unknown option', { payload: 1, options: { dely: 1 } }, ['options.dely']],
    ['options that are no object', { payload: 1, options: [] }, ['options']],
    ['a fractional delay', { payload: 1, options: { delay: 1.5 } }, ['options.delay']],
    [
      'a negative delay and a priority of 0',
      { payload: 1, options: { delay: -1, priority: 0 } },
      ['options.delay', 'options.priority'],
    ],
    [
      'an instant without an offset',
      { payload: 1, options: { runAt: '2026-11-21T08:00:00' } },
      ['options.runAt'],
    ],
    [
      'a day that does not exist',
      { payload: 1, options: { runAt: '2026-13-41T08:00:00Z' } },
      ['options.runAt'],
    ],
    ['the 30th of February', { payload: 1, options: { runAt: '2027-02-30T08:00:00Z' } }, ['options.runAt']],
    [
      'delay and runAt together',
      { payload: 1, options: { delay: 1, runAt: '2026-11-21T08:00:00Z' } },
      ['options.delay'],
    ],
    ['a key with a NUL', { payload: 1, options: { key: 'a\u0000' } }, ['options.key']],
    ['a key that is half a character', { payload: 1, options: { key: '\ud83d' } }, ['options.key']],
    ['a timeout that no timer keeps', { payload: 1, options: { timeout: 2 ** 31 } }, ['options.timeout']],
    ['a key of 101 characters', { payload: 1, options: { key: 'x'.repeat(101) } }, ['options.key']],
    [
      'a key that is not ASCII',
      { payload: 1, options: { idempotencyKey: 'schlüssel' } },
      ['options.idempotencyKey'],
    ],
    ['requireWorker as text', { payload: 1, options: { requireWorker: 'yes' } }, ['options.requireWorker']],
  ])('with %s is refused, naming the path', (_what, body, paths) => {
    expect(pathsOf(() => readEnqueue(body, NO_HEADERS))).toEqual(paths);
  });

  it('takes the key from the header, and refuses two that differ', () => {
    const read = (header: string, option?: string): unknown =>
      readEnqueue(
        { payload: 1, ...(option && { options: { idempotencyKey: option } }) },
        { ...NO_HEADERS, idempotencyKey: header },
      );
    expect(read('a')).toEqual({ payload: 1, options: { idempotencyKey: 'a' } });
    expect(read('a', 'a')).toEqual({ payload: 1, options: { idempotencyKey: 'a' } });
    expect(pathsOf(() => read('a', 'b'))).toEqual(['options.idempotencyKey']);
    expect(pathsOf(() => read(''))).toEqual(['Idempotency-Key']);
    expect(pathsOf(() => read('x'.repeat(256)))).toEqual(['Idempotency-Key']);
  });

  it('is called too large before anything else is looked at', () => {
    const large = { payload: 'x'.repeat(262_144), bogus: 1 };
    expect(() => readEnqueue(large, { ...NO_HEADERS, bodyBytes: 262_200 })).toThrow(
      expect.objectContaining({ code: 'payload-too-large' }),
    );
  });
});

describe('the body of a bulk', () => {
  it.each([
    ['no payloads', {}, ['payloads']],
    ['an empty list', { payloads: [] }, ['payloads']],
    ['no list', { payloads: {} }, ['payloads']],
    ['more than 10,000', { payloads: Array.from({ length: 10_001 }, () => 1) }, ['payloads']],
    ['an idempotency key', { payloads: [1], options: { idempotencyKey: 'a' } }, ['options.idempotencyKey']],
  ])('with %s is refused', (_what, body, paths) => {
    expect(pathsOf(() => readBulk(body, NO_HEADERS))).toEqual(paths);
  });

  it('with an Idempotency-Key header is refused', () => {
    expect(pathsOf(() => readBulk({ payloads: [1] }, { ...NO_HEADERS, idempotencyKey: 'a' }))).toEqual([
      'Idempotency-Key',
    ]);
  });
});

describe('a filter for many', () => {
  it('means something, or says that it means all', () => {
    expect(readCancelFilter({ filter: { job: 'a', from: '2026-11-21T08:00:00Z' } })).toEqual({
      job: 'a',
      from: new Date('2026-11-21T08:00:00Z'),
    });
    expect(readCancelFilter({ filter: { all: true } })).toEqual({});
  });

  it.each([
    ['missing', {}],
    ['empty', { filter: {} }],
    ['all: false', { filter: { all: false } }],
    ['no object', { filter: 'all' }],
  ])('is refused when it is %s: cancelling everything must be said', (_what, body) => {
    expect(pathsOf(() => readCancelFilter(body))).toEqual(['filter']);
  });

  it('cannot mean all and a part', () => {
    expect(pathsOf(() => readCancelFilter({ filter: { all: true, job: 'a' } }))).toEqual(['filter.all']);
  });
});

describe('the query of a list', () => {
  it('has 50 to a page, 1 to 200 if asked', () => {
    expect(readPage({})).toEqual({ limit: 50, cursor: null });
    expect(readPage({ limit: '200', cursor: 'abc' })).toEqual({ limit: 200, cursor: 'abc' });
  });

  it.each([
    { limit: '0' },
    { limit: '201' },
    { limit: 'many' },
    { limit: ['1', '2'] },
    { offset: '3' },
    { cursor: 'a\u0000' },
  ])('refuses %j', (query) => {
    expect(pathsOf(() => readPage(query))).toEqual(Object.keys(query));
  });
});
