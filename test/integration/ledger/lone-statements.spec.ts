import { afterEach, beforeEach, expect, it } from 'vitest';
import { FINISH_ONE, START_ONE } from '../../../src/ledger/executions-sql.js';
import { newId } from '../../../src/foundation/index.js';
import { endOfRun, newTask, openLedger, type OpenLedger } from '../../support/ledger.js';

let ledger: OpenLedger;
beforeEach(async () => {
  ledger = await openLedger();
});
afterEach(() => ledger.close());

// Proven: each of the three places that choose the statement, sent the other way.
it('accepts, starts and finishes a lone task by statements for one', async () => {
  const task = newTask();
  const claim = `${ledger.worker}:1`;
  await (
    await ledger.accepting.acceptAll([task])
  ).onDisk; // one after another: on one connection
  await ledger.executions.start(ledger.worker, [{ taskId: task.id, claim }]);
  await ledger.executions.end(endOfRun({ id: task.id, claim }));
  const [row] = await ledger.postgres.query<{ names: string }>({
    text: `SELECT string_agg(name, ' ' ORDER BY name) AS names FROM pg_prepared_statements WHERE name <> 'on-disk'`, // it may follow
  });
  expect(row?.names).toBe('accept-one finish-one keep-accepted start-one');
});

// Those for many do not (plans.spec.ts): made while nothing is queued, their plans read all of `live`.
it('finds the row of a lone task by its key, also with a plan that was made while nothing was queued', async () => {
  const statements = {
    start: [START_ONE, () => `'${ledger.worker}', '${newId()}', 'a claim'`],
    finish: [FINISH_ONE, () => `'${newId()}', 'a claim', NULL`],
  } as const;
  await ledger.postgres.withClient(async (client) => {
    for (const [name, [statement, parameters]] of Object.entries(statements)) {
      await client.query(`PREPARE ${name} AS ${ledger.postgres.sql(statement.brisk.text)}`);
      for (let i = 0; i < 10; i++) await client.query(`EXECUTE ${name}(${parameters()})`);
      const plan = JSON.stringify((await client.query(`EXPLAIN EXECUTE ${name}(${parameters()})`)).rows);
      expect(plan).toContain('Index Scan using live_pkey');
      expect(plan).not.toContain('Seq Scan');
    }
  });
});
