import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCli } from '../support/processes.js';
import { World } from '../support/world.js';
import { waitFor } from '../support/wait.js';

interface Run {
  from: number;
  to: number;
}

const one = new World({ QUEUES: 'default:4' });
const two = new World({ QUEUES: 'default:2' });
beforeAll(async () => {
  await Promise.all([one.web(), two.web(), two.role('worker')]);
});
afterAll(async () => {
  await one.end();
  await two.end();
});

describe('roles and apps', () => {
  it('the web executes nothing, and warns that nobody does', async () => {
    const task = await one.enqueue('test.noop');
    expect(task.warnings).toMatchObject([{ code: 'no-worker' }]);
    expect(
      await one.request('POST', '/jobs/test.noop', { payload: {}, options: { requireWorker: true } }),
    ).toMatchObject({ status: 503, body: { code: 'no-worker' } });
    // The other app has a worker on a queue of the same name, on the same servers: it is busy with its own.
    for (const id of await two.bulk(
      'test.noop',
      Array.from({ length: 20 }, () => ({})),
    ))
      await two.ended(id);
    expect(await one.task(task.id)).toMatchObject({ status: 'QUEUED', execution: 0 });
    expect((await two.request('GET', `/tasks/${task.id}`)).status).toBe(404);
  });

  it('a worker with QUEUES=default:4 runs four at once, and never more', async () => {
    const ids = await one.bulk(
      'test.sleep',
      Array.from({ length: 12 }, () => ({ ms: 600, stepMs: 600 })),
    );
    const worker = await one.role('worker');
    const runs: Run[] = [];
    for (const id of ids) runs.push((await one.ended(id)).result as Run);
    // At the moment each of them began, so many were running, itself included.
    const together = runs.map(({ from }) => runs.filter((run) => run.from <= from && run.to > from).length);
    expect(Math.max(...together)).toBe(4);
    expect(
      (
        await one.request<{ items: { roles: string[]; concurrency: Record<string, number> }[] }>(
          'GET',
          '/processes',
        )
      ).body.items.find((process) => process.roles.includes('worker'))?.concurrency,
    ).toEqual({ default: 4 });
    worker.signal('SIGTERM');
    expect(await worker.waitForExit()).toEqual({ code: 0, signal: null });
  });

  it('a process warns of a clock that is off by more than two seconds, and doctor names it', async () => {
    const env = { NODE_OPTIONS: '--require ./test/support/wrong-clock.cjs', CLOCK_OFF_MS: '5000' };
    const worker = await one.role('worker', env);
    for (const server of ['postgres', 'redis']) {
      const { skewMs } = await worker.waitForEvent('fleet.clockSkew', { server });
      expect(Math.abs(Number(skewMs) - 5_000)).toBeLessThan(2_000); // give or take the way there
    }
    const doctor = startCli(['doctor'], { appName: one.appName, env });
    expect(await doctor.waitForExit()).toEqual({ code: 1, signal: null });
    expect(doctor.output).toMatch(/The clock of PostgreSQL is \d\.\d s behind ours/);
    expect(doctor.output).toMatch(/The clock of Redis is \d\.\d s behind ours/);
    await worker.kill();
  });

  it('a web whose clock is behind refuses the date that has passed by the clock of PostgreSQL', async () => {
    const { url } = one;
    const env = { NODE_OPTIONS: '--require ./test/support/wrong-clock.cjs', CLOCK_OFF_MS: '-3600000' };
    const web = await one.web(env);
    const passed = new Date(Date.now() - 600_000).toISOString();
    const put = await one.request('PUT', '/schedules/once', { job: 'test.noop', at: passed });
    one.url = url;
    await web.kill();
    expect(put).toMatchObject({ status: 422, body: { errors: [{ path: 'at' }] } });
  });

  // Proven: with Date.now() in Schedules.viewsOf() all of them are an hour off.
  it('a web whose clock is ahead shows when a schedule is due next by the clock of PostgreSQL', async () => {
    const { url } = one;
    const env = { NODE_OPTIONS: '--require ./test/support/wrong-clock.cjs', CLOCK_OFF_MS: '3600000' };
    const web = await one.web(env);
    const view = async (method: string, path: string, body?: object): Promise<{ nextAt: string }> =>
      (await one.request<{ nextAt: string }>(method, path, body)).body;
    const minutely = { job: 'test.noop', cron: '* * * * *' };
    const shown = [
      await view('PUT', '/schedules/minutely', minutely),
      await view('GET', '/schedules/minutely'),
      (await one.request<{ items: { name: string; nextAt: string }[] }>('GET', '/schedules')).body.items.find(
        ({ name }) => name === 'minutely',
      ),
    ];
    one.url = url;
    await web.kill();
    const inHalfAnHour = Date.now() + 1_800_000;
    expect(shown.map((each) => Date.parse(each?.nextAt ?? '') < inHalfAnHour)).toEqual([true, true, true]);
  });

  it('a release works on, and boots again, when the next one has migrated: steps only add', async () => {
    for (const table of [
      'task',
      'live',
      'ended',
      'execution',
      'process',
      'outbox',
      'failed_task',
      'schedule',
    ])
      await one.rows(
        `ALTER TABLE app.${table} ADD COLUMN IF NOT EXISTS of_the_next_release text NOT NULL DEFAULT ''`,
      );
    await one.rows('CREATE TABLE IF NOT EXISTS app.table_of_the_next_release (id uuid PRIMARY KEY)');
    await one.rows(
      `INSERT INTO app.migration ("timestamp", name) VALUES (1760000000099, '0099-next-1760000000099')`,
    );
    // In production a boot does not migrate, so that a process of the old release may be restarted meanwhile.
    const worker = await one.role('worker', { NODE_ENV: 'production' });
    const ids = [
      ...(await one.bulk('test.flaky', [{ times: 1 }, { times: 9, final: true }])),
      (await one.enqueue('test.sleep', { ms: 200, checkpoints: true })).id,
    ];
    const ended = await Promise.all(ids.map((id) => one.ended(id)));
    expect(ended.map(({ status }) => status)).toEqual(['FINISHED', 'FAILED', 'FINISHED']);
    await waitFor(
      'the FailedTask',
      async () => (await one.request<{ items: unknown[] }>('GET', '/failed-tasks')).body.items.length > 0,
    );
    worker.signal('SIGTERM');
    expect(await worker.waitForExit()).toEqual({ code: 0, signal: null });
  });

  it('a job that this release does not know is parked, not failed, and runs once a process knows it', async () => {
    // As the newer release registered it when it booted, before it went away again.
    await two.rows(
      `INSERT INTO app.job_definition (name, queue, payload_schema, attempts, backoff, on_worker_lost) VALUES ('test.later', 'default', '{}', 3, '{"type":"fixed","delay":100}', 'rerun')`,
    );
    const task = await two.enqueue('test.later', { from: 'the future' });
    await waitFor(
      'it to be parked',
      async () =>
        (await two.rows('SELECT 1 FROM app.live WHERE id = $1 AND parked IS NOT NULL', [task.id])).length ===
        1,
      { deadlineMs: 30_000 },
    );
    expect(await two.task(task.id)).toMatchObject({ status: 'QUEUED', attempts: { made: 0 } });
    await two.role('worker', { KNOWS_LATER: '1', RELEASE: 'r2' });
    expect(await two.ended(task.id)).toMatchObject({
      status: 'FINISHED',
      result: 'known',
      attempts: { made: 0 },
    });
  });

  it('one process may be web and worker', async () => {
    const world = new World();
    try {
      const both = world.start('web,worker', { PORT: '0' });
      const { url } = await both.waitForEvent('process.listening', {}, 60_000);
      world.url = String(url);
      expect(await world.ended((await world.enqueue('test.noop')).id)).toMatchObject({ status: 'FINISHED' });
      both.signal('SIGTERM');
      expect(await both.waitForExit()).toEqual({ code: 0, signal: null });
    } finally {
      await world.end();
    }
  });
});
