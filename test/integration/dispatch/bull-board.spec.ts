import { BullAdapter } from '@bull-board/api/bullAdapter';
import Bull from 'bull';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisUrl } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';
import { World } from '../../support/world.js';

const world = new World({ QUEUES: 'default:3' });
let queue: Bull.Queue;
let board: BullAdapter;
beforeAll(async () => {
  await Promise.all([world.web(), world.role('worker')]);
  queue = new Bull('default', redisUrl(), { prefix: `{${world.appName}:default}` });
  board = new BullAdapter(queue);
});
afterAll(async () => {
  await queue.close();
  await world.end();
});

describe('Bull’s own tools', () => {
  it('count and show what runs, waits and is delayed, as the ledger does', async () => {
    const running = await world.bulk(
      'test.sleep',
      Array.from({ length: 3 }, () => ({ ms: 60_000, stepMs: 200 })),
    );
    await waitFor('three to run', async () => (await board.getJobCounts()).active === 3);
    const waiting = await world.bulk('test.noop', [{ n: 1 }, { n: 2 }]);
    const later = await world.enqueue('test.noop', {}, { delay: 300_000 });
    expect(await queue.getJobCounts()).toMatchObject({
      active: 3,
      waiting: 2,
      delayed: 1,
      paused: 0,
      completed: 0,
      failed: 0,
    });
    expect((await board.getJobs(['active'])).map((job) => job.id).sort()).toEqual([...running].sort());
    expect((await queue.getJob(waiting[0] ?? ''))?.data).toEqual({ n: 1 });
    expect((await queue.getDelayed()).map((job) => job.id)).toEqual([later.id]);
    const { body } = await world.request<{ items: unknown[] }>('GET', '/queues');
    expect(body.items).toContainEqual(
      expect.objectContaining({ name: 'default', running: 3, backlog: 2, scheduled: 1 }),
    );

    await world.request('POST', '/queues/default/pause');
    expect(await queue.isPaused()).toBe(true);
    expect(await board.getJobCounts()).toMatchObject({ active: 3, paused: 2, waiting: 0 });
    await world.request('POST', '/queues/default/resume');

    expect((await world.request('POST', '/tasks/cancel', { filter: { all: true } })).status).toBe(202);
    await world.allEnded();
    await waitFor('Redis to hold nothing', async () =>
      Object.values(await board.getJobCounts()).every((count) => count === 0),
    );
  });
});
