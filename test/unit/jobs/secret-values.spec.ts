import { describe, expect, it } from 'vitest';
import { restoreSecrets, withoutSecrets } from '../../../src/jobs/secret-values.js';

const payload = {
  url: 'https://x',
  token: 'tok-12345',
  pin: 4711,
  users: [{ key: 'k-abcdef' }, { key: null }],
  short: 'ab',
};
const paths = ['token', 'pin', 'users.*.key', 'short'];

describe('withoutSecrets', () => {
  it('blacks the secrets of a payload out of a text that quotes them', () => {
    const clean = withoutSecrets(payload, paths);
    expect(clean('refused tok-12345 for k-abcdef (pin 4711) at https://x')).toBe(
      'refused [secret] for [secret] (pin [secret]) at https://x',
    );
  });

  it('leaves alone what is too short to be one, and a text without any', () => {
    expect(withoutSecrets(payload, paths)('about')).toBe('about');
    expect(withoutSecrets(payload, [])('tok-12345')).toBe('tok-12345');
  });
});

describe('restoreSecrets', () => {
  it('puts the old secret where a person sent back what was shown, and keeps a new one', () => {
    const amended = {
      ...payload,
      url: 'https://y',
      token: '[secret]',
      users: [{ key: '[secret]' }, { key: 'new' }],
    };
    expect(restoreSecrets(amended, payload, paths)).toEqual({
      ...payload,
      url: 'https://y',
      users: [{ key: 'k-abcdef' }, { key: 'new' }],
    });
  });

  it('finds the old secret under a key with a dot, and none under one that was not there', () => {
    const original = { tokens: { 'example.com': 'tok-1' } };
    const amended = { tokens: { 'example.com': '[secret]', valueOf: '[secret]' } };
    expect(restoreSecrets(amended, original, ['tokens.*'])).toEqual({
      tokens: { 'example.com': 'tok-1', valueOf: '[secret]' },
    });
  });

  it('leaves it to who checks payloads to refuse one that is nested without end', () => {
    const endless = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`) as unknown;
    expect(restoreSecrets(endless, payload, ['**.token'])).toBeTypeOf('object');
  });
});
