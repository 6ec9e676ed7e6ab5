import { Redis } from 'ioredis';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { redisUrl } from '../support/servers.js';
import { World } from '../support/world.js';
import { waitFor } from '../support/wait.js';
import type { RunningProcess } from '../support/processes.js';

let world: World;
const redis = new Redis(redisUrl());
afterAll(() => {
  redis.disconnect();
});
afterEach(async () => {
  await world.end();
});

function idOf(process: RunningProcess): string {
  return String(process.lines.find(({ event }) => event === 'process.started')?.['process']);
}

async function nothingStartedBy(...ids: string[]): Promise<void> {
  expect(
    await world.rows(`SELECT id FROM app.live WHERE status = 'STARTED' AND worker = ANY($1::uuid[])`, [ids]),
  ).toEqual([]);
}

describe(
  'invariant 6: interruptions cost no attempt, and a crash is charged to whom it may concern',
  { timeout: 150_000 },
  () => {
    it('hands over the tasks of a killed process, convicts the poison and not its neighbours, and never repeats what must not be', async () => {
      world = new World({ QUEUES: 'default:5', CRASH_LIMIT: '2' });
      const [, first] = await Promise.all([world.web(), world.role('worker')]);
      const [resumable, neighbour, fragile, poison] = await Promise.all([
        world.enqueue('test.sleep', { ms: 4_000, stepMs: 100, checkpoints: true }),
        world.enqueue('test.sleep', { ms: 2_000 }),
        world.enqueue('test.fragile', { ms: 60_000 }),
        world.enqueue('test.poison', { afterMs: 1_500 }),
      ]);
      expect(await first.waitForExit()).toEqual({ code: null, signal: 'SIGKILL' });
      const others = await Promise.all([world.role('worker'), world.role('worker')]);
      // Each runs one suspect at most; one of them is the poison.
      await waitFor(
        'the poison to take another with it',
        () => others.some((other) => other.exited !== undefined),
        { deadlineMs: 60_000 },
      );

      const convicted = await world.ended(poison.id, 60_000);
      expect(convicted).toMatchObject({
        status: 'FAILED',
        crashes: 2,
        attempts: { made: 0 },
        error: { code: 'crashed' },
      });
      expect(convicted.executions.map(({ outcome }) => outcome)).toEqual(['crashed', 'crashed']);
      // Proven: with every STARTED row charged (`before >= 0` in judge-loss.ts) and no seat for suspects, neighbours are FAILED, too.
      for (const { id } of [neighbour, resumable])
        expect(await world.ended(id, 60_000)).toMatchObject({ status: 'FINISHED', attempts: { made: 0 } });
      const resumed = await world.task(resumable.id);
      expect(resumed.crashes).toBeLessThan(2);
      expect(await world.ended(fragile.id)).toMatchObject({
        status: 'FAILED',
        execution: 1,
        attempts: { made: 0 },
        error: { code: 'crashed' },
      });
      await waitFor(
        'both failures to be recorded',
        async () =>
          (await world.request<{ items: { kind: string }[] }>('GET', '/failed-tasks')).body.items.filter(
            ({ kind }) => kind === 'crashed',
          ).length === 2,
        { deadlineMs: 30_000 },
      );
    });

    it('saves everything when two processes die at once, and the one that was rescuing them as well', async () => {
      world = new World({ QUEUES: 'default:5' });
      // The only other process holds still between "gone" and the hand-over of the first it rescues.
      const [web, one, two] = await Promise.all([
        world.web({ HOLD: 'rescuer.gone' }),
        world.role('worker'),
        world.role('worker'),
      ]);
      const tasks = await Promise.all(
        Array.from({ length: 8 }, () =>
          world.enqueue('test.sleep', { ms: 3_000, stepMs: 100, checkpoints: true }),
        ),
      );
      for (const { id } of tasks) await world.inStatus(id, 'STARTED');
      await Promise.all([one.kill(), two.kill()]);
      await web.waitForEvent('test.held', {}, 60_000);
      const half = await world.rows<{ gone: number }>(
        'SELECT count(*)::int AS gone FROM app.process WHERE gone_at IS NOT NULL AND resolved_at IS NULL',
      );
      expect(half[0]?.gone).toBeGreaterThan(0);
      await web.kill();

      // Nobody is left, and nobody will find them overdue. Proven: without `sweepOnceSettled` in tasks/rescuer.ts nobody looks for them in time.
      await redis.del(`{${world.appName}}:beats`);
      await Promise.all([world.web(), world.role('worker')]);
      for (const { id } of tasks)
        expect(await world.ended(id, 60_000)).toMatchObject({ status: 'FINISHED', attempts: { made: 0 } });
      await nothingStartedBy(idOf(one), idOf(two));
    });
  },
);
