import { afterEach, expect, it } from 'vitest';
import { deferred } from '../../../src/foundation/index.js';
import { Executions } from '../../../src/ledger/index.js';
import { Postgres } from '../../../src/postgres/index.js';
import { Worker } from '../../../src/worker/index.js';
import { waitFor } from '../../support/wait.js';
import { Web } from '../http/web.fixture.js';

let web: Web | undefined;
afterEach(() => web?.stop());

// Proven: while it was given up at once, the task stayed STARTED by a process that lived and did not run it.
it('a start is taken back, though PostgreSQL refuses that for a while', async () => {
  web = await Web.start(['web', 'worker']);
  const { app } = web;
  const worker = app.get(Worker, { strict: false });
  const postgres = app.get(Postgres, { strict: false });
  const executions = app.get(Executions, { strict: false });
  const [start, release] = [executions.start.bind(executions), executions.release.bind(executions)];
  const [started, goOn, refused] = [deferred(), deferred(), deferred()];
  executions.start = async (...asked) => {
    const answers = await start(...asked);
    started.resolve();
    await goOn.promise;
    return answers;
  };
  executions.release = async (...asked) => {
    const released = release(...asked);
    released.catch(() => {
      refused.resolve();
    });
    return released;
  };

  const id = await web.enqueue('test.echo', { text: 'taken back' });
  await started.promise;
  await postgres.query({
    text: `ALTER TABLE shiftwork.live ADD CONSTRAINT nothing_waits CHECK (status <> 'QUEUED') NOT VALID`,
  });
  const quiet = worker.quiet();
  goOn.resolve();
  await refused.promise;
  await postgres.query({ text: 'ALTER TABLE shiftwork.live DROP CONSTRAINT nothing_waits' });
  await quiet;
  await waitFor('it to wait again', async () => (await web?.get(`/tasks/${id}`))?.body.status === 'QUEUED');
  await worker.resume();
  expect((await web.ended(id)).status).toBe('FINISHED');
});
