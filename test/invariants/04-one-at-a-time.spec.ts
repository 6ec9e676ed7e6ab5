import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import type { RunningProcess } from '../support/processes.js';
import { Proxy } from '../support/proxy.js';
import { dedicatedRedis, type DedicatedServer } from '../support/servers.js';
import { waitFor } from '../support/wait.js';
import { World, type Task } from '../support/world.js';

// A Redis of our own: this file freezes it. One worker reaches it through a network that can be cut.
let redisServer: DedicatedServer;
let proxy: Proxy;
let world: World;
let redis: Redis;
let direct: RunningProcess;
let remote: RunningProcess;

beforeAll(async () => {
  redisServer = await dedicatedRedis();
  proxy = await Proxy.to(redisServer.url);
  world = new World({ QUEUES: 'default:3', REDIS_URL: redisServer.url });
  redis = new Redis(redisServer.url);
  [, direct, remote] = await Promise.all([
    world.web(),
    world.role('worker', { QUEUES: 'default:4' }),
    world.role('worker', { REDIS_URL: proxy.url }),
  ]);
  await world.createEffects();
}, 150_000);
afterAll(async () => {
  await world.end();
  redis.disconnect();
  await proxy.close();
  await redisServer.dispose();
});

function idOf(process: RunningProcess): string {
  return String(process.lines.find(({ event }) => event === 'process.started')?.['process']);
}

// How long nobody has heard of a process, by the clock of Redis.
async function silentMs(id: string): Promise<number> {
  const [seconds] = await redis.time();
  return Number(seconds) * 1_000 - Number(await redis.zscore(`{${world.appName}}:beats`, id));
}

async function ledgerBeat(id: string): Promise<number> {
  const [row] = await world.rows<{ at: Date | null }>('SELECT beat_at AS at FROM app.process WHERE id = $1', [
    id,
  ]);
  return row?.at?.getTime() ?? 0;
}

describe('invariant 4: one execution at a time', { timeout: 180_000 }, () => {
  it('does not rob a worker that is cut off from Redis only, nor one whose main loop is blocked', async () => {
    // Four slots and three: one of five tasks at least is the remote worker's.
    const held = await Promise.all(Array.from({ length: 5 }, () => world.hold()));
    const started = await Promise.all(held.map(({ id }) => world.inStatus(id, 'STARTED')));
    const cutOff = started.find(({ worker }) => worker === idOf(remote));
    if (cutOff === undefined) throw new Error('the remote worker has started nothing');
    await world.release(...held.filter(({ id }) => id !== cutOff.id));
    proxy.refuse();
    let blocking: Task;
    try {
      blocking = await world.enqueue('test.block', { ms: 9_000 }); // the other one is out of reach
      await direct.waitForEvent('test.blocking', { task: blocking.id });
      await waitFor('the one to be silent for long', async () => (await silentMs(idOf(remote))) > 9_000, {
        deadlineMs: 60_000,
      });
      // Proven: when Processes.gone does not look at beat_at, its task is handed over after 6 s.
      expect(await world.task(cutOff.id)).toMatchObject({
        status: 'STARTED',
        worker: idOf(remote),
        execution: 1,
      });
    } finally {
      proxy.resume();
    }
    await world.release(cutOff);
    for (const { id } of [cutOff, blocking])
      expect(await world.ended(id, 60_000)).toMatchObject({
        status: 'FINISHED',
        execution: 1,
        interruptions: 0,
        crashes: 0,
      });
    expect(remote.lines.filter(({ event }) => event === 'process.presumedDead')).toEqual([]);
  });

  it('declares nobody dead when Redis stands still, and charges nobody', async () => {
    const before = new Map([direct, remote].map((worker) => [worker, worker.lines.length]));
    const tasks = await Promise.all([world.hold(), world.hold()]);
    for (const { id } of tasks) await world.inStatus(id, 'STARTED');
    await redisServer.kill('SIGSTOP');
    const first = await waitFor(
      'the beats to go to the ledger',
      async () => ledgerBeat(idOf(direct)).then((at) => at > Date.now() - 2_000 && at),
      { deadlineMs: 30_000 },
    );
    await waitFor(
      'all to be longer than D ago',
      async () => (await ledgerBeat(idOf(direct))) > first + 7_000,
      { deadlineMs: 60_000 },
    );
    await redisServer.kill('SIGCONT');
    await world.release(...tasks);
    for (const { id } of tasks)
      expect(await world.ended(id, 60_000)).toMatchObject({
        status: 'FINISHED',
        execution: 1,
        interruptions: 0,
        crashes: 0,
      });
    expect(
      [...before].flatMap(([{ lines }, from]) =>
        lines.slice(from).filter(({ event }) => event === 'process.died' || event === 'process.presumedDead'),
      ),
    ).toEqual([]);
  });

  it('refuses the late writes of a frozen worker, which takes a new identity and goes on', async () => {
    const task = await world.enqueue('test.effect', { steps: 6, stepMs: 1_500 });
    const { worker } = await world.inStatus(task.id, 'STARTED');
    const frozen = worker === idOf(direct) ? direct : remote;
    // Right after a step, so that it does not freeze inside a transaction: that one would be waited for until the server ends it.
    await waitFor(
      'a step',
      async () => (await world.rows('SELECT 1 FROM app.effect WHERE task = $1', [task.id])).length > 0,
    );
    frozen.signal('SIGSTOP');
    await waitFor(
      'another to run it',
      async () => {
        const now = await world.task(task.id);
        return now.execution === 2 && now.worker !== worker && now.status === 'STARTED';
      },
      { deadlineMs: 60_000 },
    );
    frozen.signal('SIGCONT');
    const { newProcess } = await frozen.waitForEvent('process.presumedDead', { oldProcess: worker });
    expect(await world.ended(task.id, 60_000)).toMatchObject({
      status: 'FINISHED',
      execution: 2,
      interruptions: 1,
      attempts: { made: 0 },
    });
    const steps = await world.rows<{ step: number; n: number }>(
      'SELECT step, count(*)::int AS n FROM app.effect WHERE task = $1 GROUP BY step ORDER BY step',
      [task.id],
    );
    // Proven: when checkpoints are written without looking at the claim, steps stand here twice.
    expect(steps).toEqual(Array.from({ length: 6 }, (_, step) => ({ step, n: 1 })));

    await (frozen === direct ? remote : direct).kill();
    const next = await world.enqueue('test.sleep', { ms: 300 });
    expect(await world.ended(next.id, 60_000)).toMatchObject({ status: 'FINISHED', worker: newProcess });
  });
});
