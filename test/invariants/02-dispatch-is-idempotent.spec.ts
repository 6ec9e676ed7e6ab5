import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dedicatedRedis } from '../support/servers.js';
import { World } from '../support/world.js';
import { waitFor } from '../support/wait.js';

// A Redis of our own: this file wipes it.
let redis: Awaited<ReturnType<typeof dedicatedRedis>>;
let client: Redis;
let world: World;
beforeAll(async () => {
  redis = await dedicatedRedis();
  client = new Redis(redis.url);
  world = new World({ REDIS_URL: redis.url, QUEUES: 'high:4,default:10' });
  await Promise.all([world.web(), world.role('worker')]);
});
afterAll(async () => {
  client.disconnect();
  await world.end();
  await redis.dispose();
});

describe('invariant 2: dispatch is idempotent, and what never reached Redis is dispatched', () => {
  it('survives FLUSHALL with a thousand queued and ten running: each ends once, and a paused queue stays paused', async () => {
    await world.request('POST', '/queues/high/pause');
    const running = await world.bulk(
      'test.sleep',
      Array.from({ length: 10 }, () => ({ ms: 4_000, stepMs: 1_000 })),
    );
    await waitFor(
      'ten to run',
      async () => (await world.rows(`SELECT 1 FROM app.live WHERE status = 'STARTED'`)).length === 10,
    );
    const queued = await world.bulk(
      'test.noop',
      Array.from({ length: 1_000 }, (_, i) => ({ i })),
    );
    await client.flushall();
    const counts = await world.allEnded(90_000);
    expect(counts).toEqual({ FINISHED: 1_010 });
    const executions = await world.rows<{ execution: number; n: number }>(
      'SELECT execution, count(*)::int AS n FROM app.ended WHERE id = ANY($1) GROUP BY execution',
      [[...queued, ...running]],
    );
    expect(executions.reduce((sum, row) => sum + row.n, 0)).toBe(1_010);
    expect(executions.map((row) => row.execution)).toEqual([1]);
    await waitFor(
      'the pause to be restored',
      async () => (await client.exists(`{${world.appName}:high}:high:meta-paused`)) === 1,
      { deadlineMs: 30_000 },
    );
    expect(
      (await world.request<{ items: { name: string; paused: boolean }[] }>('GET', '/queues')).body.items.find(
        (queue) => queue.name === 'high',
      )?.paused,
    ).toBe(true);
    await world.request('POST', '/queues/high/resume');
  });

  it('does not run a FINISHED task again, however often it is dispatched', async () => {
    const task = await world.ended((await world.enqueue('test.noop', { once: true })).id);
    const key = (type: string): string => `{${world.appName}:default}:default:${type}`;
    for (let i = 0; i < 3; i++) {
      await client.hset(key(task.id), {
        name: 'test.noop',
        data: '{"once":true}',
        opts: '{}',
        timestamp: Date.now(),
        delay: 0,
        priority: 0,
      });
      await client.lpush(key('wait'), task.id);
      await client.lpush(key('shiftwork-wake'), '1');
      await waitFor('the ghost to be gone', async () => (await client.exists(key(task.id))) === 0);
    }
    expect(await world.task(task.id)).toMatchObject({
      status: 'FINISHED',
      execution: 1,
      executions: [{ number: 1, outcome: 'finished' }],
    });
    expect(await client.llen(key('active'))).toBe(0);
  });

  // Proven: with the outbox row left out of INSERT (ledger/accept-tasks.ts) nobody dispatches it.
  it('dispatches from another process what a web killed between its commit and its dispatch had accepted', async () => {
    const doomed = world.start('web', { PORT: '0', HOLD: 'tasks.committed' });
    const { url } = await doomed.waitForEvent('process.listening', {}, 60_000);
    void fetch(`${String(url)}/jobs/test.noop`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payload: {}, options: { key: 'orphan' } }),
    }).catch(() => undefined);
    await doomed.waitForEvent('test.held');
    const rows = await world.rows<{ id: string }>(`SELECT id FROM app.task WHERE key = 'orphan'`);
    expect(rows).toHaveLength(1);
    await doomed.kill();
    expect(await world.ended(rows[0]?.id ?? '', 30_000)).toMatchObject({ status: 'FINISHED', execution: 1 });
  });
});
