import { expect, it } from 'vitest';
import { isLoopback, leadsToLoopback } from '../../../src/http/access/loopback.js';

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

it.each([
  'http://localhost',
  'http://LOCALHOST:3000',
  'https://shop.localhost:3000',
  'http://127.8.9.10:80',
  'http://[::1]:3000',
])('%s leads to this machine', (url) => {
  expect(leadsToLoopback(url)).toBe(true);
});

it.each([
  'http://example.org:3000',
  'http://localhost.example.org',
  'http://notlocalhost',
  'http://127.0.0.1.example.org',
  'http://10.0.0.1',
  'http://[fe80::1]',
  'http://',
  'http://undefined',
  'null',
  '',
])('%s does not, as far as we know', (url) => {
  expect(leadsToLoopback(url)).toBe(false);
});
