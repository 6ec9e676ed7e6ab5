import { describe, expect, it } from 'vitest';
import { type FailureCause, fingerprintOf, ownFrame } from '../../../src/failures/fingerprint.js';

const cause: FailureCause = {
  job: 'images.thumbnail',
  kind: 'error',
  name: 'TypeError',
  message: 'x is undefined',
  stack:
    'TypeError: x is undefined\n    at Thumbnail.run (file:///app/releases/7/dist/jobs/thumbnail.js:12:34)',
};

describe('fingerprintOf', () => {
  it('is the same for the same trouble in another release, another line and another message', () => {
    const later = {
      ...cause,
      message: 'y is undefined',
      stack:
        'TypeError: y is undefined\n    at Thumbnail.run (file:///app/releases/8/dist/jobs/thumbnail.js:99:1)',
    };
    expect(fingerprintOf(later)).toBe(fingerprintOf(cause));
  });

  it.each([
    ['job', { job: 'mail.send' }],
    ['kind', { kind: 'timeout' as const }],
    ['error class', { name: 'RangeError' }],
    ['function', { stack: cause.stack?.replace('Thumbnail.run', 'Thumbnail.resize') ?? null }],
    ['file', { stack: cause.stack?.replace('thumbnail.js', 'resize.js') ?? null }],
  ])('differs by %s', (_, change) => {
    expect(fingerprintOf({ ...cause, ...change })).not.toBe(fingerprintOf(cause));
  });

  it('goes by the message, without its ids and numbers, when no frame is our own', () => {
    const timeout = (message: string): string => fingerprintOf({ ...cause, stack: null, message });
    expect(timeout('It took 1200 ms, order 0192f1c2-aaaa-7bbb-8ccc-1234567890ab')).toBe(
      timeout('It took 80 ms, order 0192f1c2-bbbb-7bbb-8ccc-000000000000'),
    );
    expect(timeout('It took 1200 ms')).not.toBe(timeout('It was refused'));
  });
});

describe('ownFrame', () => {
  it('passes over frames of Node and of packages', () => {
    const stack = [
      'Error: connect ECONNREFUSED',
      '    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)',
      '    at async Client.get (file:///app/node_modules/got/dist/index.js:1:2)',
      '    at async Webhook.deliver (/app/src/jobs/webhook.ts:40:11)',
    ].join('\n');
    expect(ownFrame(stack)).toBe('async Webhook.deliver src/jobs/webhook.ts');
  });

  it('knows frames without a function, and stacks without a frame', () => {
    expect(ownFrame('Error: x\n    at file:///srv/app/lib/a.js:1:1')).toBe(' app/lib/a.js');
    expect(ownFrame('Error: x')).toBeNull();
    expect(ownFrame(null)).toBeNull();
  });
});
