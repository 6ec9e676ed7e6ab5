import { expect, it } from 'vitest';
import { wantedPort } from '../../../src/dev/free-port.js';

it('an empty PORT is none', () => {
  expect([undefined, '', ' ', '8080', '0'].map(wantedPort)).toEqual([3_000, 3_000, 3_000, 8_080, 0]);
});
