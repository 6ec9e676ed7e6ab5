import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { newId } from '../../../src/foundation/index.js';
import { START } from '../../../src/ledger/executions-sql.js';
import { LiveStatistics } from '../../../src/ledger/index.js';
import { openLedger, type OpenLedger } from '../../support/ledger.js';
import { waitFor } from '../../support/wait.js';

let ledger: OpenLedger;
beforeEach(async () => {
  ledger = await openLedger();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await ledger.close();
});

// Proven: without the ANALYZE the plan stays.
it('frees a connection of a plan that it made while nothing was queued', async () => {
  await ledger.postgres.query({ text: 'ALTER TABLE shiftwork.live SET (autovacuum_enabled = off)' }); // it would come in the end
  await ledger.postgres.withClient(async (client) => {
    // What a connection decides by itself sooner or later; when, is not the question here.
    await client.query('SET plan_cache_mode = force_generic_plan');
    await client.query(`PREPARE start AS ${ledger.postgres.sql(START.brisk.text)}`);
    const execute = () => `EXECUTE start('${ledger.worker}', '{${newId()}}', '{a claim}')`;
    const plan = async () => JSON.stringify((await client.query(`EXPLAIN ${execute()}`)).rows);
    expect(await plan()).toContain('Seq Scan on live');

    await ledger.postgres.query({
      text: `INSERT INTO shiftwork.live (id, queue, job, status, ready_at, attempts_max)
             SELECT gen_random_uuid(), 'q', 'j', 'QUEUED', now(), 1 FROM generate_series(1, 20000)`,
    });
    expect(await plan()).toContain('Seq Scan on live');
    new LiveStatistics(ledger.postgres).arrived(20_000);
    await waitFor('another plan', async () => !(await plan()).includes('Seq Scan on live'));
  });
});

it('asks for it once a backlog is worth it, and then at twice as many', () => {
  const statistics = new LiveStatistics(ledger.postgres);
  const query = vi.spyOn(ledger.postgres, 'query');
  const asked = [1_999, 1, 1_999, 1, 3_999, 1].map((tasks) => {
    statistics.arrived(tasks);
    return query.mock.calls.length;
  });
  expect(asked).toEqual([0, 1, 1, 2, 2, 3]);
});
