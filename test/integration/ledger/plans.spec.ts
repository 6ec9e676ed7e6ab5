import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../../src/foundation/index.js';
import { END, FINISH, RELEASE, START, START_ON_DISK } from '../../../src/ledger/executions-sql.js';
import { openLedger, type OpenLedger } from '../../support/ledger.js';
import { waitFor } from '../../support/wait.js';

let ledger: OpenLedger;
beforeEach(async () => {
  ledger = await openLedger();
});
afterEach(() => ledger.close());

const ids = () => `{${newId()}}`;
const STARTS = () => [ledger.worker, ids(), '{a claim}'];
const ENDS = () => [ids(), '{a claim}', '{NULL}'];
const STATEMENTS = [
  { name: 'start', statement: START.brisk, values: STARTS },
  { name: 'finish', statement: FINISH.brisk, values: ENDS },
  { name: 'start-on-disk', statement: START_ON_DISK.brisk, values: STARTS },
  { name: 'release', statement: RELEASE, values: () => [ids(), '{a claim}'] },
  {
    name: 'end',
    statement: END,
    values: () => [
      ids(),
      '{a claim}',
      '{FAILED}',
      '{error}',
      '{NULL}',
      '{NULL}',
      '{NULL}',
      '{0}',
      '{0}',
      '{error}',
      'r1',
    ],
  },
];

// Proven: without the second it lasts, the plan stays.
describe.each(STATEMENTS)(
  'a connection that planned $name while nothing was queued',
  ({ name, statement, values }) => {
    it('soon finds the rows of a backlog by their keys', async () => {
      const { postgres } = ledger; // one after another: on one connection
      await postgres.query({ text: 'ALTER TABLE shiftwork.live SET (autovacuum_enabled = off)' }); // it would come in the end
      // What a connection decides by itself sooner or later; when, is not the question here.
      await postgres.query({ text: 'SET plan_cache_mode = force_generic_plan' });
      const plan = async () => {
        const texts = values().map((value) => `'${value}'`);
        const rows = await postgres.query({ text: `EXPLAIN EXECUTE "${name}"(${texts.join(', ')})` });
        return JSON.stringify(rows);
      };
      await postgres.query(statement, values());
      expect(await plan()).toContain('Seq Scan on live');

      await postgres.query({
        text: `INSERT INTO shiftwork.live (id, queue, job, status, ready_at, attempts_max)
             SELECT gen_random_uuid(), 'q', 'j', 'QUEUED', now(), 1 FROM generate_series(1, 20000)`,
      });
      // Whatever else happens in this database may free the connection of it as well; nothing here asks for that.
      await waitFor('another plan', async () => {
        await postgres.query(statement, values());
        return !(await plan()).includes('Seq Scan on live');
      });
    });
  },
);
