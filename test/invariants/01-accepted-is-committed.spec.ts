import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dedicatedPostgres, dedicatedRedis } from '../support/servers.js';
import { World, type Task } from '../support/world.js';
import { waitFor } from '../support/wait.js';

// Servers of our own: this file stops them.
let postgres: Awaited<ReturnType<typeof dedicatedPostgres>>;
let redis: Awaited<ReturnType<typeof dedicatedRedis>>;
let world: World;
beforeAll(async () => {
  [postgres, redis] = await Promise.all([dedicatedPostgres(), dedicatedRedis()]);
  world = new World({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
  await Promise.all([world.web(), world.role('worker')]);
});
afterAll(async () => {
  await world.end();
  await Promise.all([postgres.dispose(), redis.dispose()]);
});

describe('invariant 1: 202 means committed, 503 means nothing is known to be accepted', () => {
  it('accepts while Redis is down, and runs the tasks when it is back', async () => {
    await redis.stop();
    const accepted = await Promise.all(
      Array.from({ length: 20 }, (_, i) => world.enqueue('test.noop', { i })),
    );
    expect(
      await world.rows('SELECT id FROM app.live WHERE id = ANY($1)', [accepted.map((task) => task.id)]),
    ).toHaveLength(20);
    expect(await world.request('GET', '/health/ready')).toMatchObject({
      status: 200,
      body: { status: 'degraded', checks: { redis: 'down', postgres: 'up' } },
    });
    await redis.restart();
    for (const { id } of accepted)
      expect(await world.ended(id)).toMatchObject({ status: 'FINISHED', execution: 1 });
  });

  it('answers 503 while PostgreSQL is down, all or nothing, and the workers ride the outage out', async () => {
    const running = await world.enqueue('test.sleep', { ms: 4_000, stepMs: 500 });
    await world.inStatus(running.id, 'STARTED');
    const before = await world.rows<{ n: number }>('SELECT count(*)::int AS n FROM app.task');
    await postgres.kill('SIGKILL');
    const refused = await Promise.all([
      world.request('POST', '/jobs/test.noop', { payload: {} }),
      world.request('POST', '/jobs/test.noop/bulk', { payloads: [{}, {}, {}] }),
    ]);
    for (const answer of refused) {
      expect(answer).toMatchObject({ status: 503, body: { code: 'ledger-unavailable', status: 503 } });
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    expect((await world.request('GET', '/health/ready')).status).toBe(503);
    await postgres.restart();
    await waitFor(
      'the ledger to be back',
      async () => (await world.request('GET', '/health/ready')).status === 200,
      { deadlineMs: 40_000 },
    );
    expect(await world.rows<{ n: number }>('SELECT count(*)::int AS n FROM app.task')).toEqual(before);
    expect(await world.ended(running.id)).toMatchObject({
      status: 'FINISHED',
      execution: 1,
      attempts: { made: 0 },
    });
    const next = await world.enqueue('test.noop');
    expect(await world.ended(next.id)).toMatchObject({ status: 'FINISHED' });
  });

  it('is safe to repeat after a 503 with the same Idempotency-Key', async () => {
    const call = () =>
      world.request<Task>(
        'POST',
        '/jobs/test.noop',
        { payload: { paid: 1 } },
        { 'idempotency-key': 'pay-1' },
      );
    await postgres.kill('SIGSTOP');
    const unsure = await call();
    expect(unsure.status).toBe(503);
    await postgres.kill('SIGCONT');
    const sure = await waitFor(
      'the repeated call to be answered',
      async () => {
        const answer = await call();
        return answer.status < 500 && answer.status !== 409 ? answer : undefined;
      },
      { deadlineMs: 40_000 },
    );
    expect([200, 202]).toContain(sure.status);
    expect(await world.rows(`SELECT id FROM app.task WHERE idempotency_key = 'pay-1'`)).toHaveLength(1);
    expect(await world.ended(sure.body.id)).toMatchObject({ status: 'FINISHED', execution: 1 });
  });
});

// Proven: without the statement that waits for the disk, the row is gone.
it('a lone task is on the disk when its 202 is given, though its commit did not wait for that', async () => {
  const server = await dedicatedPostgres({ wal_writer_delay: '10s' }); // else its own writer might be in time
  const alone = new World({ DATABASE_URL: server.url });
  try {
    await alone.web();
    const { id } = await alone.enqueue('test.noop');
    await server.kill('SIGKILL');
    await server.restart();
    expect(await alone.rows('SELECT status FROM app.live WHERE id = $1', [id])).toEqual([
      { status: 'QUEUED' },
    ]);
  } finally {
    await alone.end();
    await server.dispose();
  }
});
