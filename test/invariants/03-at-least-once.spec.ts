import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

/** The task ended, after its first run has taken PostgreSQL away. */
async function throughOutage(job: string): Promise<Task> {
  await world.role('worker');
  const { pid } = server;
  const { id } = await world.enqueue(job, { postmaster: pid }, { delay: WHEN_ALL_IS_QUIET_MS });
  await waitFor('PostgreSQL to be gone', () => !isAlive(pid));
  await server.restart();
  return waitFor('the task to end', async () => {
    const task = await world.task(id);
    return ['FINISHED', 'FAILED'].includes(task.status) ? task : undefined;
  });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('invariant 3: a task ends, though PostgreSQL itself crashes', { timeout: 150_000 }, () => {
  it('runs again what was started in the last milliseconds, under the same number', async () => {
    expect(await throughOutage('test.outage')).toMatchObject({
      status: 'FINISHED',
      result: { runs: 2 },
      execution: 1,
      interruptions: 0,
      crashes: 0,
      attempts: { made: 0 },
    });
  });

  // Proven: without `waitsForDisk` it runs twice.
  it('does not run again what must not: that waits for the disk before it runs', async () => {
    expect(await throughOutage('test.outage-once')).toMatchObject({
      status: 'FINISHED',
      result: { runs: 1 },
      execution: 1,
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
