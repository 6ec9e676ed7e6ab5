import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseUrl } from '../support/servers.js';
import { World, type Task } from '../support/world.js';
import { waitFor } from '../support/wait.js';

const world = new World();
beforeAll(async () => {
  await Promise.all([world.web(), world.role('worker')]);
});
afterAll(async () => {
  await world.end();
});

describe('walk a and b: from a REST call to a finished task', () => {
  it('accepts with 202 and a Location, runs, and shows the result and its execution', async () => {
    const { status, headers, body } = await world.request<Task>('POST', '/jobs/test.noop', {
      payload: { hello: 'world' },
      options: { key: 'order:17' },
    });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/tasks/${body.id}`);
    expect(body).toMatchObject({
      status: 'QUEUED',
      job: 'test.noop',
      queue: 'default',
      key: 'order:17',
      warnings: [],
    });
    const task = await world.ended(body.id);
    expect(task).toMatchObject({
      status: 'FINISHED',
      result: { hello: 'world' },
      progress: { percent: 100 },
      attempts: { made: 0, max: 3 },
      executions: [{ number: 1, outcome: 'finished' }],
    });
  });

  it('streams QUEUED or STARTED, progress, lines and FINISHED, and then closes', async () => {
    const { id } = await world.enqueue('test.sleep', { ms: 1_500, stepMs: 250 });
    const text = await (await fetch(`${world.url}/tasks/${id}/events`)).text();
    const events = text.split('\n\n').filter((block) => block.includes('event:'));
    const statuses = events
      .filter((block) => block.includes('event: status'))
      .map((block) => (JSON.parse(/data: (.*)/.exec(block)?.[1] ?? '{}') as Task).status);
    expect(text.startsWith('retry: 2000')).toBe(true);
    expect(['QUEUED', 'STARTED']).toContain(statuses[0]);
    expect(statuses.at(-1)).toBe('FINISHED');
    expect(events.some((block) => block.includes('event: progress'))).toBe(true);
    expect(events.some((block) => block.includes('event: log') && block.includes('slept'))).toBe(true);
  });

  it('gives one task to fifty parallel calls with the same Idempotency-Key', async () => {
    const calls = await Promise.all(
      Array.from({ length: 50 }, () =>
        world.request<Task>(
          'POST',
          '/jobs/test.noop',
          { payload: { once: true } },
          { 'idempotency-key': 'k-50' },
        ),
      ),
    );
    expect(new Set(calls.map((call) => call.body.id)).size).toBe(1);
    expect(calls.filter((call) => call.status === 202)).toHaveLength(1);
    const replays = calls.filter((call) => call.status === 200);
    expect(replays).toHaveLength(49);
    expect(replays.every((call) => call.headers.get('idempotency-replayed') === 'true')).toBe(true);
    const other = await world.request(
      'POST',
      '/jobs/test.noop',
      { payload: { once: false } },
      { 'idempotency-key': 'k-50' },
    );
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } });
  });

  it('answers everybody else while an open transaction holds an Idempotency-Key, and 409 to whoever repeats it', async () => {
    const holder = new Client({ connectionString: databaseUrl() });
    await holder.connect();
    await holder.query(`BEGIN; INSERT INTO "${world.appName}".task
      SELECT * FROM json_populate_record(NULL::"${world.appName}".task, '{"id": "${randomUUID()}", "job": "test.noop",
        "queue": "default", "payload": {}, "attempts_max": 1, "backoff": {}, "on_worker_lost": "rerun",
        "run_at": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z", "idempotency_key": "held"}')`);
    const post = (key?: string) =>
      world.request(
        'POST',
        '/jobs/test.noop',
        { payload: {} },
        key === undefined ? {} : { 'idempotency-key': key },
      );
    const answered: string[] = [];
    const held = Promise.all([1, 2, 3, 4, 5, 6].map(() => post('held').finally(() => answered.push('held'))));
    const others = Promise.all([post(), post('free 1'), post(), post('free 2'), post()]);
    expect((await others).map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    expect(answered).toEqual([]); // Proven: with the batch's wait as long as the request's, a held one is answered first.
    for (const { status, body, headers } of await held)
      expect([status, body, headers.get('retry-after')]).toMatchObject([409, { code: 'key-in-flight' }, '1']);
    await holder.query('ROLLBACK');
    await holder.end();
    expect((await post('held')).status).toBe(202);
  });

  it('accepts a thousand payloads in one transaction, or none of them when one is wrong', async () => {
    const good = await world.bulk(
      'test.sleep',
      Array.from({ length: 1_000 }, () => ({ ms: 0 })),
    );
    expect(new Set(good).size).toBe(1_000);
    const payloads = Array.from({ length: 1_000 }, (_, i) => (i === 700 ? { ms: 'long' } : { ms: 1 }));
    const bad = await world.request<{ errors: { path: string }[] }>('POST', '/jobs/test.sleep/bulk', {
      payloads,
      options: { key: 'bad-bulk' },
    });
    expect(bad.status).toBe(422);
    expect(bad.body.errors.map((error) => error.path)).toEqual(['payloads.700.ms']);
    expect((await world.request<{ items: Task[] }>('GET', '/tasks?key=bad-bulk')).body.items).toEqual([]);
    await waitFor(
      'the thousand to end',
      async () => (await world.rows('SELECT 1 FROM app.live WHERE id = ANY($1)', [good])).length === 0,
      { deadlineMs: 40_000 },
    );
    const outcomes = await world.rows<{ n: number }>(
      `SELECT count(*)::int AS n FROM app.ended WHERE id = ANY($1) AND status = 'FINISHED' AND execution = 1`,
      [good],
    );
    expect(outcomes).toEqual([{ n: 1_000 }]);
  });

  it('retries with backoff until it works, and shows every attempt', async () => {
    const { id } = await world.enqueue('test.flaky', { times: 2 });
    const task = await world.ended(id);
    expect(task).toMatchObject({
      status: 'FINISHED',
      attempts: { made: 2, max: 3 },
      error: null,
      result: { attempt: 3 },
    });
    expect(task.executions.map((execution) => execution.outcome)).toEqual(['error', 'error', 'finished']);
  });

  it('is FAILED with its error once its attempts are used up, or at once when it says so', async () => {
    const [used, said] = await Promise.all([
      world.enqueue('test.flaky', { times: 9 }),
      world.enqueue('test.flaky', { times: 9, final: true }),
    ]);
    expect(await world.ended(used.id)).toMatchObject({
      status: 'FAILED',
      attempts: { made: 3 },
      error: { name: 'RangeError', message: 'attempt 3 fails' },
    });
    expect(await world.ended(said.id)).toMatchObject({
      status: 'FAILED',
      attempts: { made: 1 },
      error: { message: 'attempt 1 fails' },
    });
  });

  it('snoozes without charging an attempt, and ends an attempt whose time is up', async () => {
    const [snoozed, timed] = await Promise.all([
      world.enqueue('test.snooze', { ms: 300 }),
      world.enqueue('test.timed', { ms: 20_000 }),
    ]);
    expect(await world.ended(snoozed.id)).toMatchObject({
      status: 'FINISHED',
      attempts: { made: 0 },
      result: { execution: 2, attempt: 1 },
    });
    const task = await world.ended(timed.id);
    expect(task).toMatchObject({ status: 'FAILED', error: { name: 'TaskTimedOut' } });
    expect(task.executions.map((execution) => execution.outcome)).toEqual(['timeout']);
  });

  it('cancels a waiting task at once and a running one through its signal', async () => {
    const later = await world.enqueue('test.noop', {}, { delay: 600_000 });
    expect(later.status).toBe('SCHEDULED');
    expect(await world.request<Task>('POST', `/tasks/${later.id}/cancel`)).toMatchObject({
      status: 202,
      body: { status: 'CANCELLED' },
    });
    expect((await world.request('POST', `/tasks/${later.id}/cancel`)).status).toBe(200);
    const running = await world.enqueue('test.sleep', { ms: 60_000 });
    await world.inStatus(running.id, 'STARTED');
    expect(await world.request<Task>('POST', `/tasks/${running.id}/cancel`)).toMatchObject({
      status: 202,
      body: { status: 'STARTED' },
    });
    expect(await world.ended(running.id)).toMatchObject({ status: 'CANCELLED', attempts: { made: 0 } });
    const done = await world.ended((await world.enqueue('test.noop')).id);
    expect(await world.request('POST', `/tasks/${done.id}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'already-final' },
    });
  });

  it('promotes a scheduled task, and enqueues an ended one again', async () => {
    const later = await world.enqueue('test.noop', { n: 1 }, { delay: 3_600_000 });
    expect((await world.request('POST', `/tasks/${later.id}/promote`)).status).toBe(202);
    expect(await world.ended(later.id)).toMatchObject({ status: 'FINISHED' });
    expect((await world.request('POST', `/tasks/${later.id}/promote`)).status).toBe(409);
    const again = await world.request<Task>('POST', `/tasks/${later.id}/again`);
    expect(again.status).toBe(202);
    expect(again.body.id).not.toBe(later.id);
    expect(await world.ended(again.body.id)).toMatchObject({ status: 'FINISHED', result: { n: 1 } });
  });

  it('runs a delayed task when its time has come, and not before', async () => {
    const runAt = new Date(Date.now() + 1_500);
    const { id } = await world.enqueue('test.noop', {}, { runAt: runAt.toISOString() });
    const task = await world.ended(id);
    expect(new Date(String(task['startedAt'])).getTime()).toBeGreaterThanOrEqual(runAt.getTime() - 50);
  });

  it('leaves a paused queue alone until it is resumed', async () => {
    expect(await world.request('POST', '/queues/default/pause')).toMatchObject({
      status: 200,
      body: { name: 'default', paused: true },
    });
    const ids = await world.bulk('test.noop', [{}, {}]);
    const { body } = await world.request<{ items: { name: string; backlog: number }[] }>('GET', '/queues');
    expect(body.items.find((queue) => queue.name === 'default')).toMatchObject({ backlog: 2, paused: true });
    expect(await world.request('POST', '/queues/default/resume')).toMatchObject({
      status: 200,
      body: { paused: false },
    });
    for (const id of ids) expect(await world.ended(id)).toMatchObject({ status: 'FINISHED' });
  });
});

describe('walk b, on a worker with one slot', () => {
  const narrow = new World({ QUEUES: 'default:1' });
  afterAll(async () => {
    await narrow.end();
  });

  // Proven: with the priorities left out of the enqueuing, and with LIFO in FETCH.
  it('runs by priority first, then in order', async () => {
    await narrow.web();
    const asked = [{}, { priority: 500 }, { priority: 1 }, {}, { priority: 500 }];
    const ids: string[] = [];
    for (const options of asked) ids.push((await narrow.enqueue('test.noop', {}, options)).id);
    await narrow.role('worker');
    for (const id of ids) await narrow.ended(id);
    // Claims are counted in the order of starts. (Ends are recorded side by side, and their lines may come in another order.)
    const ran = await narrow.rows<{ id: string }>(
      `SELECT id FROM app.ended ORDER BY split_part(claim, ':', 2)::int`,
    );
    expect(ran.map(({ id }) => ids.indexOf(id))).toEqual([2, 1, 4, 0, 3]);
  });
});
