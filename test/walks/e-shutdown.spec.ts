import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Redis } from 'ioredis';
import type { RunningProcess } from '../support/processes.js';
import { redisUrl } from '../support/servers.js';
import { World } from '../support/world.js';
import { waitFor } from '../support/wait.js';

// Grace 8 s, of which the last 1.6 s are the margin for handing over.
const world = new World({ QUEUES: 'default:10', SHUTDOWN_GRACE: '8' });
/** Far longer than a test waits for an exit: whoever sits it out is not done in time. */
const LONG_GRACE = { SHUTDOWN_GRACE: '600' };
const redis = new Redis(redisUrl());

beforeAll(async () => {
  await world.web();
}, 90_000);
afterAll(async () => {
  await world.end();
  redis.disconnect();
});

// Whatever a test has left running must not take the next one's tasks.
const started = new Set<RunningProcess>();
async function role(name: string, env: Record<string, string> = {}): Promise<RunningProcess> {
  const process = await world.role(name, env);
  started.add(process);
  return process;
}
afterEach(async () => {
  await Promise.all([...started].map((process) => process.kill()));
  started.clear();
});

// With what it printed, when it ended otherwise.
async function expectExit(process: RunningProcess, code: number, deadlineMs?: number): Promise<void> {
  const exit = await process.waitForExit(deadlineMs);
  expect(exit, process.output.slice(-4_000)).toEqual({ code, signal: null });
}

async function active(): Promise<string[]> {
  return redis.lrange(`{${world.appName}:default}:default:active`, 0, -1);
}

describe('walk e: SIGTERM', { timeout: 120_000 }, () => {
  it('lets jobs end, hand over at a checkpoint, or answer their signal, overrules the deaf, and exits 0; others go on at once', async () => {
    const first = await role('worker');
    const [short, checkpointing, obedient, deaf, charge, parent] = await Promise.all([
      world.enqueue('test.sleep', { ms: 2_000 }),
      world.enqueue('test.sleep', { ms: 12_000, stepMs: 200, checkpoints: true }),
      world.enqueue('test.sleep', { ms: 12_000 }),
      world.enqueue('test.sleep', { ms: 12_000, deaf: true }),
      world.enqueue('test.charge', { ms: 60_000 }),
      // nestjs/bull issue 2069: a job that enqueues children after SIGTERM.
      world.enqueue('test.parent', { afterMs: 2_000 }),
    ]);
    const all = [short, checkpointing, obedient, deaf, charge, parent];
    await Promise.all(all.map(({ id }) => world.inStatus(id, 'STARTED')));
    first.signal('SIGTERM');
    await first.waitForEvent('process.stopping');
    first.signal('SIGTERM'); // platforms send several
    const second = await role('worker');
    first.signal('SIGTERM');
    await expectExit(first, 0);
    expect(first.lines.filter(({ event }) => event === 'process.stopping')).toHaveLength(1);
    await first.waitForEvent('process.stopped', { exitCode: 0 });

    expect(await world.ended(short.id)).toMatchObject({ status: 'FINISHED', execution: 1, interruptions: 0 });
    const family = await world.ended(parent.id);
    expect(family).toMatchObject({ status: 'FINISHED', execution: 1, interruptions: 0 });
    for (const child of (family.result as { children: string[] }).children)
      expect(await world.ended(child)).toMatchObject({ status: 'FINISHED' });

    const resumed = await world.ended(checkpointing.id);
    expect(resumed).toMatchObject({
      status: 'FINISHED',
      execution: 2,
      interruptions: 1,
      attempts: { made: 0 },
      crashes: 0,
      error: null,
    });
    expect(resumed.executions.map(({ outcome }) => outcome)).toEqual(['interrupted', 'finished']);
    expect(resumed.executions[0]?.worker).not.toBe(resumed.executions[1]?.worker);
    for (const { id } of [obedient, deaf])
      expect(await world.ended(id)).toMatchObject({
        status: 'FINISHED',
        execution: 2,
        interruptions: 1,
        attempts: { made: 0 },
        crashes: 0,
      });

    expect(await world.ended(charge.id)).toMatchObject({
      status: 'FAILED',
      execution: 1,
      interruptions: 1,
      attempts: { made: 0 },
      error: { code: 'crashed' },
    });

    // Handed over at its first checkpoint after the signal, not at the end of the grace.
    const at = await world.rows<{ id: string; ended: Date }>(
      'SELECT task_id AS id, ended_at AS ended FROM app.execution WHERE number = 1 AND task_id = ANY($1)',
      [[checkpointing.id, deaf.id]],
    );
    const endedAt = (id: string): number => at.find((row) => row.id === id)?.ended.getTime() ?? NaN;
    expect(endedAt(checkpointing.id)).toBeLessThan(endedAt(deaf.id) - 2_000);

    second.signal('SIGTERM');
    await expectExit(second, 0);
    expect(await active()).toEqual([]);
    expect(
      await world.rows(`SELECT 1 FROM app.process WHERE 'worker' = ANY(roles) AND resolved_at IS NULL`),
    ).toEqual([]);
  });

  // Proven: with a wait for the end of the grace in Shutdown neither this one nor the one with the stream ends in time.
  it('ends an idle process without waiting for the grace, by SIGTERM or SIGINT, and leaves the roll', async () => {
    const [worker, clock] = await Promise.all([role('worker', LONG_GRACE), role('clock', LONG_GRACE)]);
    const joined = await Promise.all(
      [worker, clock].map(async (each) => (await each.waitForEvent('process.started'))['process']),
    );
    worker.signal('SIGTERM');
    clock.signal('SIGINT');
    await Promise.all([expectExit(worker, 0), expectExit(clock, 0)]);
    const { body } = await world.request<{ items: { id: string }[] }>('GET', '/processes');
    const ids = body.items.map(({ id }) => id);
    expect(joined.filter((id) => ids.includes(String(id)))).toEqual([]);
  });

  // Proven: an unhandled rejection ended the process, with everything that ran in it.
  it('lets a job end that does not wait for its progress: it is handed over where it waits, or not at all', async () => {
    const worker = await role('worker');
    const tasks = await Promise.all([
      world.enqueue('test.careless', { ms: 3_000 }),
      world.enqueue('test.sleep', { ms: 3_000 }),
    ]);
    await waitFor('the checkpoint', async () => (await world.task(tasks[0].id)).checkpoint);
    await world.inStatus(tasks[1].id, 'STARTED');
    worker.signal('SIGTERM');
    await expectExit(worker, 0);
    for (const { id } of tasks)
      expect(await world.ended(id)).toMatchObject({ status: 'FINISHED', execution: 1, crashes: 0 });
  });

  it('exits at once on a second SIGINT, and the task runs again without a charged attempt', async () => {
    const worker = await role('worker');
    const task = await world.enqueue('test.sleep', { ms: 4_000 });
    await world.inStatus(task.id, 'STARTED');
    worker.signal('SIGINT');
    await worker.waitForEvent('process.stopping', { signal: 'SIGINT' });
    worker.signal('SIGINT');
    await expectExit(worker, 130, 2_500);
    await role('worker');
    expect(await world.ended(task.id)).toMatchObject({
      status: 'FINISHED',
      execution: 2,
      attempts: { made: 0 },
    });
  });

  it('ends a boot that waits for its database', async () => {
    const worker = world.start('worker', { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' });
    await worker.waitForEvent('postgres.unavailable', {}, 60_000);
    worker.signal('SIGTERM');
    await expectExit(worker, 0, 10_000);
  });

  // The port is taken: that is found out when the worker beside the web has begun to work.
  it('is walked by a boot that fails, too: what has begun may end', async () => {
    const charges = await Promise.all(
      Array.from({ length: 10 }, () => world.enqueue('test.charge', { ms: 1_000 })),
    );
    const both = world.start('web,worker', { PORT: new URL(world.url).port });
    await expectExit(both, 2, 60_000);
    expect(both.lines.find(({ event }) => event === 'process.bootFailed')?.['error']).toContain('EADDRINUSE');
    expect(both.lines.find(({ event }) => event === 'process.stopping')).toMatchObject({
      signal: 'boot failed',
      msg: 'The process is shutting down',
    });
    await role('worker');
    for (const { id } of charges) expect(await world.ended(id)).toMatchObject({ status: 'FINISHED' });
  });

  it('is not held up by an open event stream or an idle connection', async () => {
    const web = await world.web(LONG_GRACE);
    const task = await world.enqueue('test.noop', {}, { delay: 600_000 });
    const stream = await fetch(`${world.url}/tasks/${task.id}/events`);
    const reader = stream.body?.getReader();
    await reader?.read(); // it has begun
    web.signal('SIGTERM');
    await expectExit(web, 0);
    await waitFor('the stream to end', async () => (await reader?.read())?.done === true);
    expect((await web.waitForEvent('process.stopped'))['exitCode']).toBe(0);
  });
});
