import { describe, expect, it } from 'vitest';
import {
  AddressRefusedError,
  guardedLookup,
  isReservedAddress,
  refuseReservedHost,
} from '../../../src/demo/webhook/address-guard.js';
import { retryAfterMs } from '../../../src/demo/webhook/retry-after.js';

const reserved = [
  '127.0.0.1',
  '127.9.9.9',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '[::1]',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  '::127.0.0.1',
  '::ffff:0:127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  'fc00::1',
  'fd12::1',
  'fe80::1',
  'fe80::1%eth0',
  'ff02::1',
  '2001:db8::1',
  '3fff::1',
  '5f00::1',
];
const open = [
  '8.8.8.8',
  '1.1.1.1',
  '172.32.0.1',
  '172.15.255.255',
  '192.167.255.255',
  '100.128.0.1',
  '198.20.0.1',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450:4001::1',
  '::ffff:8.8.8.8',
];

describe('the guard of webhook addresses', () => {
  it.each(reserved)('refuses %s', (address) => {
    expect(isReservedAddress(address)).toBe(true);
  });
  it.each(open)('lets %s pass', (address) => {
    expect(isReservedAddress(address)).toBe(false);
  });

  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://017700000001/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://127.1/',
  ])('sees through %s, as URL normalises it', (url) => {
    expect(() => {
      refuseReservedHost(new URL(url).hostname);
    }).toThrow(AddressRefusedError);
  });

  it.each([{}, { all: true as const }])(
    'judges the address that is connected to, whatever the name says (%j)',
    async (options) => {
      const error = await new Promise((resolve) => {
        guardedLookup('localhost', options, (fault) => {
          resolve(fault);
        });
      });
      expect(error).toBeInstanceOf(AddressRefusedError);
    },
  );
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T08:00:00.000Z');
  it.each([
    [undefined, undefined],
    ['3', 3_000],
    ['Sat, 21 Nov 2026 08:00:05 GMT', 5_000],
    ['Sat, 21 Nov 2026 07:00:00 GMT', 0],
    ['999999', 3_600_000],
    ['soon', undefined],
  ])('%j is %j ms', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms);
  });
});
