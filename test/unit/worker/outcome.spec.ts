import { describe, expect, it } from 'vitest';
import {
  DoNotRetry,
  RetryIn,
  Snooze,
  TaskCancelled,
  TaskInterrupted,
  TaskTimedOut,
} from '../../../src/jobs/index.js';
import { decideOutcome, RESULT_MAX_BYTES, type Circumstances } from '../../../src/worker/index.js';

const now = new Date('2026-11-21T08:00:00.000Z');
const circumstances: Circumstances = {
  signalled: undefined,
  attemptsMade: 0,
  attemptsMax: 3,
  backoff: { type: 'exponential', delay: 1_000 },
  onWorkerLost: 'rerun',
  now,
  random: 0.5,
};
const last = { ...circumstances, attemptsMade: 2 };

describe('a run that returned', () => {
  it('is FINISHED with its result as JSON, also when somebody had asked it to stop', () => {
    const outcome = decideOutcome(
      { kind: 'returned', value: { made: 3, skipped: undefined } },
      { ...circumstances, signalled: new TaskCancelled() },
    );
    expect(outcome).toMatchObject({
      status: 'FINISHED',
      outcome: 'finished',
      result: '{"made":3}',
      chargeAttempt: false,
    });
    expect(decideOutcome({ kind: 'returned', value: undefined }, circumstances)).toMatchObject({
      status: 'FINISHED',
      result: 'null',
    });
  });

  it('is FAILED when its result is too large or no JSON: another attempt would return the same', () => {
    const large = decideOutcome({ kind: 'returned', value: 'x'.repeat(RESULT_MAX_BYTES) }, circumstances);
    expect(large).toMatchObject({
      status: 'FAILED',
      error: { code: 'result-too-large' },
      failureKind: 'error',
      result: null,
    });
    const odd = decideOutcome({ kind: 'returned', value: { a: [1, 10n] } }, circumstances);
    expect(odd).toMatchObject({ status: 'FAILED', error: { code: 'result-not-storable' } });
    expect(odd.error?.message).toContain('"a.1"');
  });
});

describe('a run that threw', () => {
  it('is tried again after its backoff while attempts are left', () => {
    const outcome = decideOutcome(
      { kind: 'threw', thrown: new TypeError('no') },
      { ...circumstances, attemptsMade: 1 },
    );
    expect(outcome).toMatchObject({
      status: 'RETRYING',
      outcome: 'error',
      chargeAttempt: true,
      countInterruption: false,
      error: { name: 'TypeError', message: 'no', at: now.toISOString() },
    });
    expect(outcome.dueAt).toEqual(new Date(now.getTime() + 2_000));
  });

  it('waits at least as long as the other side asked', () => {
    const outcome = decideOutcome(
      { kind: 'threw', thrown: new RetryIn(60_000, new Error('busy')) },
      circumstances,
    );
    expect(outcome.dueAt).toEqual(new Date(now.getTime() + 60_000));
  });

  // Proven: without the limit PostgreSQL, or Date itself, refuses the instant, and the task stays STARTED for ever.
  it.each([2.6e14, 1e15, Number.MAX_SAFE_INTEGER, 1e300])(
    'waits ten years at most, whatever the unit was of the %s that it asked for',
    (ms) => {
      for (const thrown of [new Snooze(ms), new RetryIn(ms, new Error('busy'))])
        expect(decideOutcome({ kind: 'threw', thrown }, circumstances).dueAt?.toISOString()).toBe(
          '2036-11-21T08:00:00.000Z',
        );
    },
  );

  it('is FAILED when the attempts are used up, or when it says so itself', () => {
    expect(decideOutcome({ kind: 'threw', thrown: new Error('no') }, last)).toMatchObject({
      status: 'FAILED',
      failureKind: 'error',
      chargeAttempt: true,
    });
    const said = decideOutcome(
      { kind: 'threw', thrown: new DoNotRetry(new RangeError('gone')) },
      circumstances,
    );
    expect(said).toMatchObject({ status: 'FAILED', error: { name: 'RangeError', message: 'gone' } });
  });

  it('is SCHEDULED again, uncharged, when it snoozed', () => {
    const outcome = decideOutcome({ kind: 'threw', thrown: new Snooze(5_000) }, last);
    expect(outcome).toMatchObject({
      status: 'SCHEDULED',
      outcome: 'snoozed',
      chargeAttempt: false,
      error: null,
      dueAt: new Date(now.getTime() + 5_000),
    });
  });

  it('something that is no Error is kept readably', () => {
    expect(decideOutcome({ kind: 'threw', thrown: 'just text' }, last).error?.message).toBe('just text');
    expect(decideOutcome({ kind: 'threw', thrown: { code: 7 } }, last).error?.message).toContain(
      '{"code":7}',
    );
    expect(decideOutcome({ kind: 'threw', thrown: new Error('a\u0000b') }, last).error?.message).toBe(
      'a\uFFFDb',
    );
  });
});

// Proven: each of these threw, out of the worker's sight, and ended the process.
describe('a run whose result or error cannot be read', () => {
  const getter = {
    get: () => {
      throw new Error('a getter');
    },
    enumerable: true,
  };
  const worse = {
    get: () => {
      throw Object.assign(new Error(), { toString: getter.get });
    },
  };
  const throwing = Object.defineProperty({}, 'name', getter);
  const revoked = Proxy.revocable(new Error(), {});
  revoked.revoke();
  const deep: unknown[] = [];
  let inner = deep;
  for (let i = 0; i < 20_000; i++) inner.push((inner = []));

  it.each([
    ['a getter that throws', { value: throwing }, 'a getter'],
    [
      'a toJSON that throws',
      {
        value: {
          toJSON: () => {
            throw new Error('not loaded');
          },
        },
      },
      'not loaded',
    ],
    [
      'a toJSON that throws what cannot be looked at',
      {
        value: {
          toJSON: () => {
            throw revoked.proxy;
          },
        },
      },
      'no Error',
    ],
    ['levels without end', { value: deep }, 'nested deeper than 500 levels'],
  ])('is FAILED for %s', (_, { value }, why) => {
    expect(decideOutcome({ kind: 'returned', value }, circumstances)).toMatchObject({
      status: 'FAILED',
      error: { code: 'result-not-storable', message: expect.stringContaining(why) as string },
    });
  });

  it.each([
    ['a message that is no text', Object.assign(new Error(), { message: { code: 42 } }), '{"code":42}'],
    ['a name that is no text', Object.assign(new Error('no'), { name: Symbol('odd') }), 'no'],
    ['no prototype', Object.assign(Object.setPrototypeOf(new Error('x'), null) as object, {}), 'no Error'],
    ['a message that throws', Object.defineProperty(new Error(), 'message', getter), 'cannot be read'],
    ['a message that throws worse', Object.defineProperty(new Error(), 'message', worse), 'cannot be read'],
    ['a revoked proxy in its place', revoked.proxy, 'no Error'],
  ])('is RETRYING for an error with %s', (_, thrown, message) => {
    expect(decideOutcome({ kind: 'threw', thrown }, circumstances)).toMatchObject({
      status: 'RETRYING',
      error: { message: expect.stringContaining(message) as string },
    });
  });
});

describe('a run that was told to stop', () => {
  it('is handed over, uncharged, when the process must go, whatever it throws', () => {
    for (const thrown of [new TaskInterrupted('x'), new Error('aborted')]) {
      const outcome = decideOutcome(
        { kind: 'threw', thrown },
        { ...last, signalled: new TaskInterrupted('shutdown') },
      );
      expect(outcome).toMatchObject({
        status: 'QUEUED',
        outcome: 'interrupted',
        chargeAttempt: false,
        countInterruption: true,
        error: null,
      });
    }
  });

  it('is CANCELLED when somebody cancelled it and it threw, or did not answer', () => {
    const signalled = new TaskCancelled();
    expect(
      decideOutcome({ kind: 'threw', thrown: new Error('stopped') }, { ...circumstances, signalled }),
    ).toMatchObject({ status: 'CANCELLED', outcome: 'cancelled', chargeAttempt: false });
    expect(decideOutcome({ kind: 'overruled', by: signalled }, circumstances)).toMatchObject({
      status: 'CANCELLED',
    });
  });

  it('has failed its attempt when its time was up', () => {
    const by = new TaskTimedOut(50);
    expect(decideOutcome({ kind: 'overruled', by }, circumstances)).toMatchObject({
      status: 'RETRYING',
      outcome: 'timeout',
      chargeAttempt: true,
    });
    expect(decideOutcome({ kind: 'overruled', by }, last)).toMatchObject({
      status: 'FAILED',
      outcome: 'timeout',
      failureKind: 'timeout',
    });
  });

  it('is FAILED when it was deaf to the end of the grace and must never run again, unless somebody had cancelled it', () => {
    const by = new TaskInterrupted('SIGTERM');
    const never: Circumstances = { ...circumstances, onWorkerLost: 'fail', signalled: by };
    expect(decideOutcome({ kind: 'overruled', by }, never)).toMatchObject({
      status: 'FAILED',
      outcome: 'crashed',
      failureKind: 'crashed',
      chargeAttempt: false,
      countInterruption: true,
      error: { code: 'crashed' },
    });
    expect(decideOutcome({ kind: 'threw', thrown: by }, never)).toMatchObject({ status: 'QUEUED' });
    expect(decideOutcome({ kind: 'overruled', by }, circumstances)).toMatchObject({ status: 'QUEUED' });
    const cancelled = { ...never, signalled: new TaskCancelled() };
    expect(decideOutcome({ kind: 'overruled', by }, cancelled)).not.toMatchObject({ status: 'FAILED' });
  });
});
