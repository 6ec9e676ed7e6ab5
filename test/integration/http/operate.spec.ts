import { encodeCursor } from '../../../src/foundation/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';
import { CLIENT, gateOf, VIEWER, Web } from './web.fixture.js';

const A_NUMBER: unknown = expect.any(Number);
const A_TEXT: unknown = expect.any(String);

let web: Web;
beforeAll(async () => {
  web = await Web.start(['web', 'worker', 'clock']);
});
afterAll(() => web.stop());

async function untilStarted(id: string): Promise<void> {
  await waitFor('the start', async () => (await web.get(`/tasks/${id}`)).body.status === 'STARTED');
}

describe('queues', () => {
  const QUEUE = {
    name: 'default',
    paused: false,
    pausedBy: null,
    pausedAt: null,
    backlog: 0,
    latency: 0,
    running: 0,
    scheduled: 0,
    retrying: 0,
    workers: 1,
    slots: 5,
    limit: null,
  };

  it('are listed with who serves them', async () => {
    const queues = await waitFor('the worker on the roll', async () => {
      const { body } = await web.get('/queues', { token: VIEWER });
      return body.items[1]?.workers === 1 && body.items;
    });
    expect(queues).toMatchObject([
      { name: 'crowded', workers: 0, slots: 0, limit: 2 },
      QUEUE,
      { name: 'high', slots: 5 },
      { name: 'limited', workers: 0, slots: 0, limit: 2 },
    ]);
    expect(Object.keys(queues[0] ?? {}).sort()).toEqual(Object.keys(QUEUE).sort());
  });

  it('hold what is enqueued while paused, and go on when resumed; twice is the same as once', async () => {
    for (const _ of ['once', 'twice']) {
      const { status, body } = await web.post('/queues/default/pause');
      expect([status, body.paused, body.pausedBy]).toEqual([200, true, 'admin (REST)']);
    }
    const id = await web.enqueue('test.echo', { text: 'held' });
    const waiting = await web.get(`/tasks/${id}?wait=1`);
    expect([waiting.body.status, waiting.body.position]).toEqual(['QUEUED', 1]);
    const { body: queues } = await web.get('/queues');
    expect(queues.items[1]).toMatchObject({ paused: true, backlog: 1 });
    for (const _ of ['once', 'twice']) {
      const { status, body } = await web.post('/queues/default/resume');
      expect([status, body.paused, body.pausedBy, body.pausedAt]).toEqual([200, false, null, null]);
    }
    expect((await web.ended(id)).status).toBe('FINISHED');
  });

  // Proven: without `isLiveQueue` it is 404.
  it('can be paused when nothing but a task knows them, as after a release that renamed one', async () => {
    const id = await web.enqueue('test.echo', { text: 'left behind' }, { delay: 60_000 });
    await query(`update "${web.appName}".live set queue = 'renamed' where id = $1`, [id]);
    const { status, body } = await web.post('/queues/renamed/pause');
    expect(status).toBe(200);
    expect(body).toMatchObject({ paused: true, scheduled: 1, workers: 0 });
    expect((await web.post('/queues/renamed/resume')).body.paused).toBe(false);
    await web.post(`/tasks/${id}/cancel`);
  });
});

describe('processes', () => {
  it('say what they are and run', async () => {
    const id = await web.enqueue('test.steps', { name: 'seen' });
    await untilStarted(id);
    const [process] = await waitFor('the running task in the record', async () => {
      const { body } = await web.get('/processes', { token: VIEWER });
      return body.items[0]?.running.length === 1 && body.items;
    });
    expect(process).toMatchObject({
      roles: ['web', 'worker', 'clock'],
      state: 'running',
      queues: ['high', 'default'],
      concurrency: { high: 5, default: 5 },
      running: [{ task: id, job: 'test.steps', queue: 'high', since: A_TEXT }],
      unrecorded: A_NUMBER,
      loopLag: A_NUMBER,
    });
    gateOf('seen').half.resolve();
    gateOf('seen').end.resolve();
    await web.ended(id);
  });
});

describe('failed tasks', () => {
  async function failed(why: string): Promise<{ id: string; task: string }> {
    const task = await web.enqueue('test.fail', { why });
    return waitFor('the FailedTask', async () => {
      const { body } = await web.get('/failed-tasks?job=test.fail&state=OPEN');
      return body.items.find((each: { task: string }) => each.task === task);
    });
  }

  it('are listed, grouped, and shown with every attempt', async () => {
    const { id, task } = await failed('seen');
    const { body } = await web.get(`/failed-tasks/${id}`, { token: VIEWER });
    expect(body).toMatchObject({
      id,
      task,
      job: 'test.fail',
      state: 'OPEN',
      kind: 'error',
      error: { message: 'seen' },
      payload: { why: 'seen' },
      retriedAs: null,
    });
    expect(body.attempts).toHaveLength(1);
    const groups = await web.get('/failed-tasks/groups?job=test.fail');
    expect(groups.body.items[0]).toMatchObject({ job: 'test.fail', kind: 'error', latest: id });
  });

  it('are retried once: 202, then 200 with the same task', async () => {
    const { id } = await failed('once');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => web.post(`/failed-tasks/${id}/retry`)),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([
      ...Array.from({ length: 9 }, () => 200),
      202,
    ]);
    expect(new Set(answers.map((answer) => answer.headers.get('location'))).size).toBe(1);
    const [answer] = answers;
    expect(answer?.body).toMatchObject({ failedTask: { id, state: 'RETRIED' }, task: { retryOf: id } });
    expect(answer?.headers.get('location')).toBe(
      `/tasks/${(answer?.body.task as unknown as { id: string }).id}`,
    );
  });

  it('are dismissed with a reason, and then not retried', async () => {
    const { id } = await failed('dismissed');
    const { status, body } = await web.post(`/failed-tasks/${id}/dismiss`, { reason: 'known' });
    expect([status, body.state]).toEqual([200, 'DISMISSED']);
    expect(body.audit).toMatchObject([{ who: 'admin (REST)', reason: 'known' }]);
    expect((await web.post(`/failed-tasks/${id}/retry`)).status).toBe(409);
  });

  it('are retried in bulk by a filter that means something', async () => {
    await failed('in bulk');
    expect((await web.post('/failed-tasks/retry', { filter: {} })).status).toBe(422);
    const { status, body } = await web.post('/failed-tasks/retry', { filter: { job: 'test.fail' } });
    expect([status, body.matched > 0]).toEqual([202, true]);
    expect((await web.ended(body.task)).status).toBe('FINISHED');
  });

  it('refuse what is unknown', async () => {
    const none = '/failed-tasks/00000000-0000-7000-8000-000000000000';
    expect((await web.get(none)).status).toBe(404);
    expect(
      (
        await web.call('POST', `${none}/retry`, {
          headers: { 'content-type': 'application/json' },
          body: '{',
        })
      ).status,
    ).toBe(404);
    expect((await web.post('/failed-tasks/retry', { filter: { all: true } }, { token: CLIENT })).status).toBe(
      403,
    );
  });
});

describe('schedules', () => {
  const BODY = { job: 'test.echo', payload: { text: 'tick' }, cron: '0 3 29 2 *', timeZone: 'Europe/Berlin' };

  it('are put, changed, paused, run and deleted', async () => {
    const made = await web.call('PUT', '/schedules/leap', { json: BODY });
    expect([made.status, made.body]).toMatchObject([
      201,
      { name: 'leap', cron: BODY.cron, every: null, at: null, enabled: true, source: 'api', last: null },
    ]);
    expect(made.body.nextAt).toMatch(/-02-29T02:00:00\.000Z$/);
    const changed = await web.call('PUT', '/schedules/leap', {
      json: { ...BODY, cron: undefined, every: 60_000 },
    });
    expect([changed.status, changed.body.every]).toEqual([200, 60_000]);
    expect((await web.post('/schedules/leap/pause')).body.enabled).toBe(false);
    expect((await web.post('/schedules/leap/resume')).body.enabled).toBe(true);
    const run = await web.post('/schedules/leap/run');
    expect([run.status, run.headers.get('location')]).toEqual([202, `/tasks/${run.body.id}`]);
    expect((await web.ended(run.body.id)).result).toEqual({ text: 'tick' });
    expect((await web.get('/schedules/leap/ticks')).body.items).toBeInstanceOf(Array);
    expect((await web.call('DELETE', '/schedules/leap')).status).toBe(204);
    expect((await web.get('/schedules/leap')).status).toBe(404);
  });

  it('keep a secret that is sent back as it was shown', async () => {
    const body = { ...BODY, payload: { text: 'tick', secret: 'S-12345' } };
    await web.call('PUT', '/schedules/secretive', { json: body });
    const shown = { text: 'tick', secret: '[secret]' };
    expect((await web.get('/schedules/secretive')).body).toMatchObject({ payload: shown });
    await web.call('PUT', '/schedules/secretive', { json: { ...body, payload: shown, cron: '0 4 * * *' } });
    const run = await web.post('/schedules/secretive/run');
    const rows = await query(`select payload->>'secret' as secret from "${web.appName}".task where id = $1`, [
      run.body.id,
    ]);
    expect(rows).toEqual([{ secret: 'S-12345' }]);
  });

  it('refuse a cursor that no page of ticks has given', async () => {
    await web.call('PUT', '/schedules/ticking', { json: BODY });
    const { status, body } = await web.get(
      `/schedules/ticking/ticks?cursor=${encodeCursor([Number.MAX_SAFE_INTEGER])}`,
    );
    expect([status, body.code]).toEqual([400, 'bad-cursor']);
  });

  it.each([
    ['a bad cron', { ...BODY, cron: '61 * * * *' }, 'cron'],
    ['an unknown job', { ...BODY, job: 'nothing' }, 'job'],
    ['a bad time zone', { ...BODY, timeZone: 'Mars/Base' }, 'timeZone'],
    ['a payload its job refuses', { ...BODY, payload: { text: 1 } }, 'payload.text'],
    ['an unknown key', { ...BODY, colour: 'red' }, 'colour'],
  ])('with %s are refused, naming the field, and nothing is changed', async (_what, json, path) => {
    const { status, body } = await web.call('PUT', '/schedules/bad', { json });
    expect([status, body.errors.map((fault: { path: string }) => fault.path)]).toEqual([422, [path]]);
    expect((await web.get('/schedules/bad')).status).toBe(404);
  });
});

describe('a drain asked for by REST', () => {
  it('is refused with 409 and who is busy; is granted when nobody is; resume ends it', async () => {
    const id = await web.enqueue('test.steps', { name: 'in the way' });
    await untilStarted(id);
    const busy = await web.post('/control/drain', { timeout: 1_000 });
    expect([busy.status, busy.body.code, busy.body.safe]).toEqual([409, 'not-safe', false]);
    expect(busy.body.busy).toMatchObject([{ task: id, job: 'test.steps', queue: 'high' }]);
    gateOf('in the way').half.resolve();
    gateOf('in the way').end.resolve();
    const safe = await web.post('/control/drain', { timeout: 15_000, hold: 60_000 });
    expect([safe.status, safe.body.safe, safe.body.busy, safe.body.silent]).toEqual([200, true, [], []]);
    // The web of the same process answers on, and is ready.
    expect((await web.get('/health/ready', { token: null })).status).toBe(200);
    const held = await web.enqueue('test.echo', { text: 'after the drain' });
    expect((await web.get(`/tasks/${held}?wait=1`)).body.status).toBe('QUEUED');
    const { status, body } = await web.post('/control/resume');
    expect([status, body.resumed]).toEqual([200, safe.body.drained]);
    expect((await web.ended(held)).status).toBe('FINISHED');
  });

  it('does not end itself when the web is asked, too', async () => {
    const { status, body } = await web.post('/control/drain', {
      roles: ['web', 'worker', 'clock'],
      timeout: 15_000,
    });
    expect([status, body.safe]).toEqual([200, true]);
    const ready = await web.get('/health/ready', { token: null });
    expect([ready.status, ready.body.checks.state]).toEqual([503, 'draining']);
    await web.post('/control/resume');
    expect((await web.get('/health/ready', { token: null })).status).toBe(200);
  });

  it('is an admin’s affair, and says what it does not know', async () => {
    expect((await web.post('/control/drain', {}, { token: VIEWER })).status).toBe(403);
    const { status, body } = await web.post('/control/drain', { roles: ['cook'], wait: 1 });
    expect([status, body.errors.map((fault: { path: string }) => fault.path).sort()]).toEqual([
      422,
      ['roles', 'wait'],
    ]);
  });
});

describe('what is watched from outside', () => {
  it('health is open to everybody', async () => {
    const live = await web.get('/health/live', { token: null });
    const ready = await web.get('/health/ready', { token: null });
    expect([live.status, live.body]).toEqual([200, { status: 'ok' }]);
    expect([ready.status, ready.body]).toEqual([
      200,
      { status: 'ok', checks: { postgres: 'up', redis: 'up', state: 'running' } },
    ]);
  });

  it('metrics count what happened', async () => {
    await web.ended(await web.enqueue('test.echo', { text: 'counted' }));
    const { body } = await web.get('/metrics', { token: null });
    expect(body).toMatch(/shiftwork_queue_backlog\{queue="default"\} 0/);
    expect(body).toMatch(/shiftwork_queue_slots\{queue="default"\} 5/);
    expect(body).toMatch(
      /shiftwork_task_events_total\{event="task\.finished",job="test\.echo",queue="default"\} [1-9]/,
    );
    expect(body).toMatch(
      /shiftwork_http_request_duration_seconds_count\{method="POST",route="\/jobs\/:name",status="202"\} [1-9]/,
    );
    expect(body).toMatch(/shiftwork_loop_lag_seconds \d/);
    expect(body).toMatch(/shiftwork_ledger_up 1/);
  });
});
