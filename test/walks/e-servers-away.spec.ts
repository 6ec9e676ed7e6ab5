import { afterEach, describe, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import type { RunningProcess } from '../support/processes.js';
import { dedicatedPostgres, dedicatedRedis, type DedicatedServer } from '../support/servers.js';
import { World } from '../support/world.js';

// Each test takes a server away from a worker that runs something, and then the platform takes the worker, too.
let world: World;
let server: DedicatedServer;
afterEach(async () => {
  await world.end();
  await server.dispose();
});

async function expectExit(worker: RunningProcess, code: number): Promise<void> {
  const exit = await worker.waitForExit();
  expect(exit, worker.output.slice(-4_000)).toEqual({ code, signal: null });
}

describe('walk e: SIGTERM while a server is away', { timeout: 150_000 }, () => {
  it('hands over in the ledger while Redis is down, and exits 0; the task runs when Redis is back', async () => {
    server = await dedicatedRedis();
    world = new World({ QUEUES: 'default:3', SHUTDOWN_GRACE: '6', REDIS_URL: server.url });
    const [, worker] = await Promise.all([world.web(), world.role('worker')]);
    const task = await world.hold();
    await world.inStatus(task.id, 'STARTED');
    await server.kill('SIGKILL');
    worker.signal('SIGTERM');
    await expectExit(worker, 0);
    expect(
      await world.rows('SELECT status, interruptions, attempts_made FROM app.live WHERE id = $1', [task.id]),
    ).toEqual([{ status: 'QUEUED', interruptions: 1, attempts_made: 0 }]);

    await server.restart();
    await world.release(task);
    await world.role('worker');
    expect(await world.ended(task.id, 60_000)).toMatchObject({
      status: 'FINISHED',
      execution: 2,
      crashes: 0,
    });
    const redis = new Redis(server.url);
    expect(await redis.lrange(`{${world.appName}:default}:default:active`, 0, -1)).toEqual([]);
    redis.disconnect();
  });

  // Proven: while unsubscribing was waited for, nothing was flushed in time, and an idle worker exited with 1.
  it('exits 0 when Redis keeps its connections and does not answer, and nothing is owed', async () => {
    server = await dedicatedRedis();
    world = new World({ QUEUES: 'default:3', SHUTDOWN_GRACE: '6', REDIS_URL: server.url });
    await world.web();
    const worker = await world.role('worker');
    process.kill(server.pid, 'SIGSTOP');
    worker.signal('SIGTERM');
    await expectExit(worker, 0).finally(() => process.kill(server.pid, 'SIGCONT'));
    expect(worker.lines.filter(({ event }) => event === 'process.stopFailed')).toEqual([]);
  });

  it('says which tasks it could not record while PostgreSQL is down, exits 1, and no crash is charged', async () => {
    server = await dedicatedPostgres();
    world = new World({ QUEUES: 'default:3', SHUTDOWN_GRACE: '6', DATABASE_URL: server.url });
    const [, worker] = await Promise.all([world.web(), world.role('worker')]);
    const task = await world.hold();
    await world.inStatus(task.id, 'STARTED');
    await server.kill('SIGKILL');
    worker.signal('SIGTERM');
    await expectExit(worker, 1);
    const told = worker.lines.find(({ event }) => event === 'process.leftUnfinished');
    expect(told?.['tasks']).toEqual([task.id]);

    await server.restart();
    await world.release(task);
    await world.role('worker');
    // Proven: without the mark in Redis (LEAVE with left) it counts as a crash.
    expect(await world.ended(task.id, 90_000)).toMatchObject({
      status: 'FINISHED',
      execution: 2,
      interruptions: 1,
      crashes: 0,
      attempts: { made: 0 },
    });
  });
});
