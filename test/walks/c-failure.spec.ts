import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MailSink } from '../support/mail-sink.js';
import { killLeftovers } from '../support/processes.js';
import { Proxy } from '../support/proxy.js';
import { databaseUrl, dedicatedRedis, type DedicatedServer, dropSchema } from '../support/servers.js';
import { waitFor } from '../support/wait.js';
import { type Answer, type Task, World } from '../support/world.js';

interface Failed {
  id: string;
  task: string;
  state: string;
  kind: string;
  fingerprint: string;
  handledBy: string | null;
  retriedAs: string | null;
  error: { name: string; message: string; stack: string };
  attempts: { number: number; outcome: string; worker: string; release: string; error: { stack: string } }[];
  payload: unknown;
  audit: { who: string; action: string; reason: string | null }[];
}
type Page<T> = Answer<{ items: T[]; nextCursor: string | null }>;

let sink: MailSink;
beforeAll(async () => {
  sink = await MailSink.start();
});
afterAll(async () => {
  await sink.stop();
});

function open(env: Record<string, string> = {}): World {
  const mail = { SMTP_URL: sink.url, ADMINS: 'a@example.org', PUBLIC_URL: 'https://jobs.example.org' };
  return new World({ ...mail, ...env }, 'test/support/failing-app.js');
}

let world: World;
beforeEach(() => {
  sink.mails.length = 0;
  world = open();
});
afterEach(async () => {
  await world.end();
});

async function failedTasks(query = ''): Promise<Failed[]> {
  return ((await world.request('GET', `/failed-tasks${query}`)) as Page<Failed>).body.items;
}

async function oneFailedTask(): Promise<Failed> {
  const [failed] = await waitFor('a FailedTask', async () => {
    const items = await failedTasks();
    return items.length > 0 && items;
  });
  if (failed === undefined) throw new Error('unreachable: it has an item');
  return (await world.request<Failed>('GET', `/failed-tasks/${failed.id}`)).body;
}

/** One failure, handled to its end: one FailedTask, nothing pending, one mail or more, all with the same Message-ID. */
async function expectHandledOnce(): Promise<void> {
  await waitFor(
    'the failure to be handled',
    async () => (await world.rows('SELECT 1 FROM app.pending_failure')).length === 0,
  );
  await waitFor('the mail', () => sink.mails.length > 0);
  expect(await world.rows('SELECT 1 FROM app.failed_task')).toHaveLength(1);
  expect(new Set(sink.mails.map(({ messageId }) => messageId)).size).toBe(1);
}

/** Runs with a Redis that may be killed, and makes a world of the shared one again after it. */
async function withRedisOfItsOwn(run: (redis: DedicatedServer) => Promise<void>): Promise<void> {
  const redis = await dedicatedRedis();
  world = open({ REDIS_URL: redis.url });
  try {
    await run(redis);
  } finally {
    await killLeftovers();
    await Promise.all([dropSchema(world.appName), redis.dispose()]); // its keys go with it
    world = open();
  }
}

/** A task that fails while there is no Redis, on the worker that runs; `meanwhile` is done after its start. */
async function failWithout(redis: DedicatedServer, meanwhile?: () => Promise<unknown>): Promise<Task> {
  const task = await world.hold();
  await world.inStatus(task.id, 'STARTED');
  await meanwhile?.();
  await redis.kill('SIGKILL');
  await world.release(task);
  return task;
}

/** What Redis knows of the queue's tasks, running ones included. */
async function entriesOf({ url }: DedicatedServer): Promise<string[]> {
  const client = new Redis(url);
  try {
    const base = `{${world.appName}:default}:default:`;
    const lists = ['wait', 'active', 'paused'].map((list) => client.lrange(base + list, 0, -1));
    return (await Promise.all(lists)).flat();
  } finally {
    client.disconnect();
  }
}

describe('walk c: a job that fails for good', () => {
  it('is recorded with every attempt, mailed with a link, and run again after the fix; its secrets are nowhere', async () => {
    const [web, worker] = await Promise.all([world.web(), world.role('worker')]);
    const { id } = await world.enqueue('test.broken', { order: 7, token: 'geheim-4711' }, { key: 'order:7' });
    expect(await world.ended(id)).toMatchObject({ status: 'FAILED', attempts: { made: 3, max: 3 } });

    const failed = await oneFailedTask();
    expect(failed).toMatchObject({
      task: id,
      state: 'OPEN',
      kind: 'error',
      payload: { order: 7, token: '[secret]' },
    });
    expect(failed.attempts.map(({ number, outcome }) => `${String(number)} ${outcome}`)).toEqual([
      '1 error',
      '2 error',
      '3 error',
    ]);
    for (const attempt of failed.attempts) {
      expect(attempt.error.stack).toContain('at Broken.run');
      expect(attempt.release).toBe('r1');
      expect(attempt.worker).toBe((await world.task(id)).worker);
    }
    const mail = await waitFor('the mail', () => sink.mails[0]);
    expect(mail.subject).toBe(
      `[${world.appName}] test.broken failed: order 7 was refused for [secret], attempt 3`,
    );
    expect(mail.text).toContain(`https://jobs.example.org/admin/failed-tasks/${failed.id}`);
    expect((await fetch(`${world.url}/admin/failed-tasks/${failed.id}`)).status).toBe(200); // the same, here

    await world.rows('CREATE TABLE app.fixed ()');
    // A hundred admins press the button: one task.
    const presses = await Promise.all(
      Array.from({ length: 100 }, () =>
        world.request<{ task: { id: string } }>('POST', `/failed-tasks/${failed.id}/retry`),
      ),
    );
    expect(presses.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(presses.filter(({ status }) => status === 200)).toHaveLength(99);
    const [retried] = [...new Set(presses.map(({ body }) => body.task.id))];
    expect(new Set(presses.map(({ body }) => body.task.id)).size).toBe(1);
    expect(await world.ended(String(retried))).toMatchObject({
      status: 'FINISHED',
      retryOf: failed.id,
      key: 'order:7',
      result: { order: 7 },
    });
    const { body: resolved } = await world.request<Failed>('GET', `/failed-tasks/${failed.id}`);
    expect(resolved).toMatchObject({
      state: 'RESOLVED',
      task: id,
      retriedAs: retried,
      audit: [{ action: 'retry' }],
    });

    const seen = [
      web.output,
      worker.output,
      ...sink.mails.map(({ raw }) => raw),
      JSON.stringify(resolved),
      JSON.stringify(await world.task(id)),
    ];
    for (const text of seen) expect(text).not.toContain('geheim-4711');
    expect(sink.mails).toHaveLength(1);
  });

  it('is amended, grouped and dismissed by an admin', async () => {
    await Promise.all([world.web(), world.role('worker')]);
    const ids = await world.bulk(
      'test.broken',
      [1, 2, 3].map((order) => ({ order, token: `geheim-${String(order)}` })),
    );
    await world.allEnded();
    await waitFor('three FailedTasks', async () => (await failedTasks()).length === 3);
    const { body: groups } = (await world.request('GET', '/failed-tasks/groups')) as Page<{
      open: number;
      total: number;
      latest: string;
      job: string;
    }>;
    expect(groups.items).toMatchObject([{ job: 'test.broken', open: 3, total: 3 }]);
    const [first, second] = await failedTasks();

    const bad = await world.request<{ errors: { path: string }[] }>(
      'POST',
      `/failed-tasks/${String(first?.id)}/retry`,
      { payload: { order: 'x' } },
    );
    expect(bad).toMatchObject({ status: 422, body: { errors: [{ path: 'payload.order' }] } });
    await world.rows('CREATE TABLE app.fixed ()');
    const good = await world.request<{ task: { id: string } }>(
      'POST',
      `/failed-tasks/${String(first?.id)}/retry`,
      { payload: { order: 99, token: '[secret]' } },
    );
    expect((await world.ended(good.body.task.id)).result).toEqual({ order: 99 });
    const [stored] = await world.rows<{ payload: unknown }>('SELECT payload FROM app.task WHERE id = $1', [
      good.body.task.id,
    ]);
    expect(stored?.payload).toEqual({
      order: 99,
      token: `geheim-${String(1 + ids.indexOf(String(first?.task)))}`,
    });

    const dismissed = await world.request<Failed>('POST', `/failed-tasks/${String(second?.id)}/dismiss`, {
      reason: 'a duplicate',
    });
    expect(dismissed.body).toMatchObject({
      state: 'DISMISSED',
      audit: [{ action: 'dismiss', reason: 'a duplicate' }],
    });
    expect((await world.request('POST', `/failed-tasks/${String(second?.id)}/retry`)).status).toBe(409);
    expect((await failedTasks()).map(({ state }) => state)).toEqual(
      ['OPEN', 'RESOLVED', 'DISMISSED'].sort((a, b) => (a === 'OPEN' ? -1 : b === 'OPEN' ? 1 : 0)),
    );
    for (const state of ['OPEN', 'RESOLVED', 'DISMISSED'])
      expect(await failedTasks(`?state=${state}`)).toHaveLength(1);
  });

  it('is handled to the end by another worker when a handler takes its process down, and without that handler the third time', async () => {
    await world.web();
    const { id } = await world.enqueue('test.hopeless', { ms: 0 });
    for (const _ of [1, 2]) {
      const victim = world.start('worker', { HANDLERS: 'kills' });
      expect((await victim.waitForExit(60_000)).signal).toBe('SIGKILL');
    }
    const third = await world.role('worker', { HANDLERS: 'kills' });
    await third.waitForEvent('failureHandler.leftOut', { taskId: id }, 60_000);
    await expectHandledOnce();
    expect(third.exited).toBeUndefined();
  });

  it('is handled to the end when its worker is killed between FAILED and the end of the chain', async () => {
    await world.web();
    const victim = await world.role('worker', { HANDLERS: 'tells', HOLD: 'failures.claimed' });
    const { id } = await world.enqueue('test.hopeless', { ms: 0 });
    await victim.waitForEvent('test.held', {}, 60_000);
    expect((await world.task(id)).status).toBe('FAILED');
    await victim.kill();
    const other = await world.role('worker', { HANDLERS: 'throws,tells' });
    await other.waitForEvent('failureHandler.failed', { handler: 'throws' }, 60_000);
    await other.waitForEvent('test.told', { task: id });
    await expectHandledOnce();
  });

  it('is neither lost nor doubled when PostgreSQL is away at that moment', async () => {
    const proxy = await Proxy.to(databaseUrl());
    world = open({ DATABASE_URL: proxy.url });
    try {
      await world.web();
      const worker = await world.role('worker');
      const { id } = await world.enqueue('test.hopeless', { ms: 500 });
      await worker.waitForEvent('test.running', { task: id });
      proxy.refuse();
      await worker.waitForEvent('test.failing', { task: id }, 60_000);
      proxy.resume();
      expect(await world.ended(id)).toMatchObject({ status: 'FAILED' });
      await expectHandledOnce();
    } finally {
      await world.end();
      await proxy.close();
      world = open(); // the old one's way to the database is closed, and it has been cleaned up
    }
  });

  // Proven: without the catch of callWorkers' publish in failures.ts the worker ends by it.
  it('is recorded and mailed once when Redis is away at that moment, and not run again when it is back', async () => {
    await withRedisOfItsOwn(async (redis) => {
      await world.web();
      const worker = await world.role('worker', { HANDLERS: 'tells' });
      const { id } = await failWithout(redis);
      await worker.waitForEvent('test.told', { task: id });
      expect((await world.rows('SELECT status FROM app.ended WHERE id = $1', [id]))[0]).toEqual({
        status: 'FAILED',
      });

      await redis.restart();
      await waitFor('its entry to leave Redis', async () => (await entriesOf(redis)).length === 0);
      expect(await world.task(id)).toMatchObject({ status: 'FAILED', execution: 1, crashes: 0 });
      await expectHandledOnce();
      expect(sink.mails).toHaveLength(1);
      expect(worker.lines.filter(({ event }) => event === 'test.told')).toHaveLength(1);
    });
  });

  // Proven: without `rescuer.onRescued` in failures.ts nobody goes on with it.
  it('is handled to the end by another worker when Redis was away and its worker is killed before the end of the chain', async () => {
    await withRedisOfItsOwn(async (redis) => {
      await world.web();
      const victim = await world.role('worker', { HANDLERS: 'tells', HOLD: 'failures.claimed' });
      const { id } = await failWithout(redis, async () => world.role('worker', { HANDLERS: 'tells' }));
      await victim.waitForEvent('test.held');
      await victim.kill();
      expect(await world.rows('SELECT 1 FROM app.pending_failure')).toHaveLength(1);

      await redis.restart();
      await expectHandledOnce();
      expect(await world.task(id)).toMatchObject({ status: 'FAILED', execution: 1, crashes: 0 });
    });
  });

  // Proven: without `to: new Date(latest)` in retry-failed.job.ts what fails again is retried again.
  it('is retried in bulk exactly once, also when the retrying worker is killed in the middle', async () => {
    await world.web();
    const first = await world.role('worker', { HOLD: 'failures.batchRetried', QUEUES: 'default:50' });
    const many = 700; // a batch is 500
    await world.bulk(
      'test.brokenOnce',
      Array.from({ length: many }, (_, order) => ({ order })),
    );
    await world.allEnded();
    await waitFor(
      'all FailedTasks',
      async () => (await world.rows('SELECT 1 FROM app.failed_task')).length === many,
    );
    const { status, body } = await world.request<{ task: string; matched: number }>(
      'POST',
      '/failed-tasks/retry',
      { filter: { job: 'test.brokenOnce' } },
    );
    expect({ status, matched: body.matched }).toEqual({ status: 202, matched: many });
    await first.waitForEvent('test.held', {}, 60_000);
    await first.kill();
    await world.role('worker', { QUEUES: 'default:50' });
    expect(await world.ended(body.task)).toMatchObject({
      status: 'FINISHED',
      result: { retried: many },
      progress: { percent: 100 },
      crashes: 1,
    });
    await world.allEnded();
    const [retries] = await world.rows<{ all: number; distinct: number }>(
      'SELECT count(*)::int AS all, count(DISTINCT retry_of)::int AS distinct FROM app.task WHERE retry_of IS NOT NULL',
    );
    expect(retries).toEqual({ all: many, distinct: many });
    // They were not fixed: all failed again, and were not chased.
    await waitFor(
      'the new FailedTasks',
      async () => (await world.rows(`SELECT 1 FROM app.failed_task WHERE state = 'OPEN'`)).length === many,
    );
    expect(await world.rows(`SELECT 1 FROM app.failed_task WHERE state = 'RETRIED'`)).toHaveLength(many);
    expect(sink.mails.length).toBeLessThanOrEqual(5);
  });
});
