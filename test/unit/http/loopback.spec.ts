import { expect, it } from 'vitest';
import { isLoopback } from '../../../src/http/access/loopback.js';

it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('%s is this machine', (address) => {
  expect(isLoopback(address)).toBe(true);
});

it.each([
  '10.0.0.1',
  '128.0.0.1',
  '0.0.0.0',
  '::',
  '::2',
  '::ffff:10.0.0.1',
  'fe80::1%eth0',
  'localhost',
  '',
  undefined,
])('%s is not known to be', (address) => {
  expect(isLoopback(address)).toBe(false);
});
