import { expect, it } from 'vitest';
import { Tokens } from '../../../src/http/access/tokens.js';

it('a token has its role, and nothing that looks like it has any', () => {
  const tokens = new Tokens([
    { role: 'admin', value: 'secret-of-admins' },
    { role: 'viewer', value: 'secret-of-viewers' },
  ]);
  expect(['secret-of-admins', 'secret-of-viewers'].map((token) => tokens.roleOf(token))).toEqual([
    'admin',
    'viewer',
  ]);
  for (const guess of ['', 'secret-of-admin', 'secret-of-adminsx', 'Secret-of-admins', 'sécret-of-admin']) {
    expect(tokens.roleOf(guess)).toBeNull();
  }
});
