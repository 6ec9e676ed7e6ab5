import { afterEach, beforeEach, expect, it } from 'vitest';
import { newTask, openLedger, type OpenLedger } from '../../support/ledger.js';
import { query } from '../../support/servers.js';
import { waitFor, within } from '../../support/wait.js';

let ledger: OpenLedger;
beforeEach(async () => {
  ledger = await openLedger();
});
afterEach(() => ledger.close());

async function lockWaits(): Promise<number> {
  const sql = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${ledger.appName}%'`;
  return (await query(sql)).length;
}

// Proven: without the turnstile five searches took the ledger's whole pool, and nothing could be accepted until one was answered.
it('searches that take long do not keep a task from being accepted', async () => {
  let searches: Promise<unknown> = Promise.resolve();
  await ledger.postgres.transaction(async (manager) => {
    await manager.query(`LOCK TABLE "${ledger.appName}".ended IN ACCESS EXCLUSIVE MODE`); // they look there
    searches = Promise.all(
      Array.from({ length: 8 }, () => ledger.reads.page({ status: 'FAILED' }, 10, null)),
    );
    await waitFor('the searches to wait', async () => (await lockWaits()) === 2);
    await within('a task to be accepted', ledger.accepting.acceptAll([newTask()]), 10_000);
  });
  expect(await searches).toEqual(Array.from({ length: 8 }, () => []));
});

// Who stands first has all who wait compared with him. Proven: while forty of them shared the ledger's pool, with half a million
// tasks waiting, nothing could be accepted for two seconds; here, the question is not answered before the lock is gone.
it('nor do looks at tasks that wait, whose place in the queue is counted', async () => {
  const waiting = newTask();
  await ledger.accepting.acceptAll([waiting]);
  let looks: Promise<unknown> = Promise.resolve();
  await ledger.postgres.transaction(async (manager) => {
    await manager.query(`LOCK TABLE "${ledger.appName}".live IN ACCESS EXCLUSIVE MODE`);
    looks = Promise.all(Array.from({ length: 8 }, () => ledger.reads.position(waiting.id)));
    await waitFor('the looks to wait', async () => (await lockWaits()) === 2);
    await within('another question', ledger.postgres.query({ text: 'SELECT 1' }), 10_000);
  });
  expect(await looks).toEqual(Array.from({ length: 8 }, () => 1));
});
