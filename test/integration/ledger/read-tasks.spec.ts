import { afterEach, beforeEach, expect, it } from 'vitest';
import { newTask, openLedger, type OpenLedger } from '../../support/ledger.js';
import { query } from '../../support/servers.js';
import { waitFor, within } from '../../support/wait.js';

let ledger: OpenLedger;
beforeEach(async () => {
  ledger = await openLedger();
});
afterEach(() => ledger.close());

// Proven: without the turnstile five searches took the ledger's whole pool, and nothing could be accepted until one was answered.
it('searches that take long do not keep a task from being accepted', async () => {
  let searches: Promise<unknown> = Promise.resolve();
  await ledger.postgres.transaction(async (manager) => {
    await manager.query(`LOCK TABLE "${ledger.appName}".ended IN ACCESS EXCLUSIVE MODE`); // they look there
    searches = Promise.all(
      Array.from({ length: 8 }, () => ledger.reads.page({ status: 'FAILED' }, 10, null)),
    );
    await waitFor('the searches to wait', async () => {
      const sql = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${ledger.appName}%'`;
      return (await query(sql)).length === 2;
    });
    await within('a task to be accepted', ledger.accepting.acceptAll([newTask()]), 10_000);
  });
  expect(await searches).toEqual(Array.from({ length: 8 }, () => []));
});
