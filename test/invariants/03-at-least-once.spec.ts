import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../support/processes.js';
import { dedicatedPostgres, type DedicatedServer } from '../support/servers.js';
import { waitFor } from '../support/wait.js';
import { World, type Task } from '../support/world.js';

// A server whose own writer comes too late: what is on its disk, a commit of ours has brought there.
let server: DedicatedServer;
let world: World;
beforeEach(async () => {
  server = await dedicatedPostgres({ wal_writer_delay: '10s' });
  world = new World({ DATABASE_URL: server.url });
  await world.web();
});
afterEach(async () => {
  await world.end();
  await server.dispose();
});

/** Then nobody else commits anything: the boot is over, and the 202 has been given. */
const WHEN_ALL_IS_QUIET_MS = 3_000;

/** The task once it has ended. PostgreSQL is started again whenever a run of it has taken it away. */
async function throughOutages(job: string, payload: object = {}): Promise<{ task: Task; outages: number }> {
  await world.role('worker');
  const [{ data_directory: data } = { data_directory: '' }] = await world.rows<{ data_directory: string }>(
    'SHOW data_directory',
  );
  const { id } = await world.enqueue(job, { data, ...payload }, { delay: WHEN_ALL_IS_QUIET_MS });
  let outages = 0;
  const task = await waitFor(
    'the task to end',
    async () => {
      if (!isAlive(server.pid)) {
        outages++;
        await server.restart();
      }
      const now = await world.task(id);
      return ['FINISHED', 'FAILED'].includes(now.status) ? now : undefined;
    },
    { deadlineMs: 90_000 },
  );
  return { task, outages };
}

describe('invariant 3: a task ends, though PostgreSQL itself crashes', { timeout: 150_000 }, () => {
  it('runs again what was started in the last milliseconds, under the same number', async () => {
    expect((await throughOutages('test.outage')).task).toMatchObject({
      status: 'FINISHED',
      result: { runs: 2 },
      execution: 1,
      interruptions: 0,
      crashes: 0,
      attempts: { made: 0 },
    });
  });

  // Proven: without `waitsForDisk` they run twice.
  it.each(['test.outage-once', 'test.outage-exclusive'])(
    'does not run %s again, which must not: it waits for the disk before it runs',
    async (job) => {
      expect((await throughOutages(job)).task).toMatchObject({
        status: 'FINISHED',
        result: { runs: 1 },
        execution: 1,
      });
    },
  );

  // Proven: without `waryUntilMs` no start is kept and no attempt charged, for ever.
  it('charges the attempts of a job that takes PostgreSQL down each time, but for the first', async () => {
    const { task, outages } = await throughOutages('test.outage', { times: 100 });
    expect(task).toMatchObject({ status: 'FAILED', attempts: { made: 3, max: 3 } });
    expect(outages).toBe(4);
  });

  // Proven: without `LostClaims` it runs on, and ends for nobody, as long as it likes.
  it('tells a run whose start was lost, and runs its task again', async () => {
    expect((await throughOutages('test.outlasted')).task).toMatchObject({
      status: 'FINISHED',
      result: 'again',
      execution: 1,
      interruptions: 0,
    });
  });

  // Proven: without `LateCommits.follow` its start is not on the disk within these two seconds.
  it('finds STARTED what was started a moment before', async () => {
    await world.role('worker');
    const job = { ms: 30_000, stepMs: 30_000 }; // it notes no progress meanwhile
    const task = await world.enqueue('test.sleep', job, { delay: WHEN_ALL_IS_QUIET_MS });
    await world.inStatus(task.id, 'STARTED');
    const [now] = await world.rows<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
    const isKept = 'SELECT pg_current_wal_flush_lsn() >= $1 AS kept';
    await waitFor(
      'its start to be on the disk',
      async () => (await world.rows<{ kept: boolean }>(isKept, [now?.lsn]))[0]?.kept,
      { deadlineMs: 2_000 },
    );
    await server.kill('SIGKILL');
    await server.restart();
    expect(await world.rows('SELECT status, execution FROM app.live WHERE id = $1', [task.id])).toEqual([
      { status: 'STARTED', execution: 1 },
    ]);
  });
});
