import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunningProcess } from '../support/processes.js';
import { World } from '../support/world.js';

// Far longer than a test waits: whatever ends does so by itself, and not because the grace is over.
let world: World;
beforeEach(async () => {
  world = new World({ QUEUES: 'default:1', SHUTDOWN_GRACE: '600', PORT: '0' }, 'test/support/host-app.js');
  await world.web();
});
afterEach(async () => {
  await world.end();
});

/** Ended by Nest, which has closed the app by its hooks, and off the roll: nobody found it dead. */
async function expectGone(worker: RunningProcess): Promise<void> {
  const exit = await worker.waitForExit();
  expect(exit, worker.output.slice(-4_000)).toEqual({ code: null, signal: 'SIGTERM' });
  expect(worker.lines.find(({ event }) => event === 'process.stopped')).toMatchObject({ exitCode: 0 });
  const { process } = await worker.waitForEvent('process.started');
  expect(
    await world.rows(
      'SELECT left_at IS NOT NULL AS left, resolved_at IS NULL AS unresolved FROM app.process WHERE id = $1',
      [process],
    ),
  ).toEqual([{ left: true, unresolved: false }]);
}

// Proven: without HostShutdown.onModuleDestroy the worker is gone while its job runs, and never says that it stops.
describe('walk e: SIGTERM to an app of somebody else that has Nest’s shutdown hooks', () => {
  it('lets a running job end, with the connections it needs, and charges nothing', async () => {
    const worker = await world.role('worker');
    const task = await world.hold();
    await world.inStatus(task.id, 'STARTED');
    worker.signal('SIGTERM');
    await worker.waitForEvent('process.stopping', { signal: 'app.close' });
    worker.signal('SIGTERM'); // platforms send several
    await world.release(task);
    expect(await world.ended(task.id)).toMatchObject({
      status: 'FINISHED',
      execution: 1,
      attempts: { made: 0 },
      interruptions: 0,
      crashes: 0,
    });
    await expectGone(worker);
  });

  it('hands a job over at its checkpoint to another worker, and charges nothing', async () => {
    const worker = await world.role('worker');
    const task = await world.hold({ checkpoints: true });
    await world.inStatus(task.id, 'STARTED');
    await world.role('worker');
    worker.signal('SIGTERM');
    await expectGone(worker);
    await world.release(task);
    const ended = await world.ended(task.id);
    expect(ended).toMatchObject({
      status: 'FINISHED',
      execution: 2,
      attempts: { made: 0 },
      interruptions: 1,
      crashes: 0,
      error: null,
    });
    expect(ended.executions.map(({ outcome }) => outcome)).toEqual(['interrupted', 'finished']);
    expect(ended.executions[0]?.worker).not.toBe(ended.executions[1]?.worker);
  });
});

// Proven: with the drain's answering side left running, its timers keep the process for 24 days.
describe('walk e: an app of somebody else that closes itself', () => {
  it('ends by itself when it is closed', async () => {
    const worker = await world.role('worker', { HOST_CLOSES: 'itself' });
    worker.signal('SIGTERM');
    expect(await worker.waitForExit()).toEqual({ code: 0, signal: null });
  });
});
