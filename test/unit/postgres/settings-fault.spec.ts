import { expect, it } from 'vitest';
import { isUnavailable, settingsFault } from '../../../src/postgres/index.js';

it('a PgBouncer that refuses what a connection of ours begins with is no server that is away', () => {
  // As PgBouncer 1.18 and 1.25 say it.
  const refused = Object.assign(new Error('unsupported startup parameter: statement_timeout'), {
    code: '08P01',
  });
  expect(isUnavailable(refused)).toBe(false);
  expect(settingsFault(refused)?.message).toMatch(
    /statement_timeout.*ignore_startup_parameters = statement_timeout, idle_in_transaction_session_timeout/,
  );
});

it('a broken connection is a server that is away, and no fault of the settings', () => {
  const broken = Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' });
  expect([isUnavailable(broken), settingsFault(broken)]).toEqual([true, undefined]);
});
