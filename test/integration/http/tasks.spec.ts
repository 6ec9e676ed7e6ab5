import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query, redisUrl } from '../../support/servers.js';
import { waitFor, within } from '../../support/wait.js';
import { type SseEvent, SseClient } from './sse-client.js';
import { ADMIN, gateOf, VIEWER, Web } from './web.fixture.js';

const A_TEXT: unknown = expect.any(String);
const DIGITS: unknown = expect.stringMatching(/^\d+$/);

let web: Web;
beforeAll(async () => {
  web = await Web.start(['web', 'worker']);
});
afterAll(() => web.stop());

const NO_TASK = '/tasks/00000000-0000-7000-8000-000000000000';
const TASK_FIELDS =
  'attempts checkpoint crashes createdAt error execution executions finishedAt id idempotencyKey interruptions job key payload position priority progress queue result retryOf runAt startedAt status worker'.split(
    ' ',
  );

/** Processes of the app that are told of every change. */
async function listening(appName: string): Promise<number> {
  const redis = new Redis(redisUrl());
  try {
    const counts = await redis.pubsub('NUMSUB', `{${appName}}:channel:tasks`);
    return Number(counts[1]);
  } finally {
    redis.disconnect();
  }
}

function statusesOf(events: readonly SseEvent[]): unknown[] {
  return events
    .filter((each) => each.event === 'status')
    .map((each) => (each.data as { status: string }).status);
}

// Proven: while the result of `finish` counted without its commit, that one was kept.
it('a task whose own transaction was rolled back has the result that its job returned', async () => {
  expect(await web.ended(await web.enqueue('test.undone', {}))).toMatchObject({
    status: 'FINISHED',
    result: { undone: false },
  });
});

describe('a task followed by server-sent events', () => {
  it('is told from its present state to its end', async () => {
    const id = await web.enqueue('test.steps', { name: 'followed' });
    await waitFor('the start', async () => (await web.get(`/tasks/${id}`)).body.status === 'STARTED');
    const stream = await SseClient.open(`${web.url}/tasks/${id}/events`, ADMIN);
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    await waitFor('the first event', () => stream.events.length > 0);
    expect(stream.text.startsWith('retry: 2000\n\n')).toBe(true);
    expect(stream.events[0]).toMatchObject({
      event: 'status',
      id: DIGITS,
      data: { id, status: 'STARTED' },
    });
    expect(stream.events[0]?.data).not.toHaveProperty('executions');

    gateOf('followed').half.resolve();
    await waitFor('the progress', () => stream.events.some((each) => each.event === 'progress'));
    expect(stream.events.find((each) => each.event === 'progress')?.data).toEqual({
      percent: 50,
      message: 'half way',
    });

    gateOf('followed').end.resolve();
    await within('the end of the stream', stream.ended);
    expect(statusesOf(stream.events).at(-1)).toBe('FINISHED');
    const versions = stream.events.map((each) => Number(each.id));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));

    const again = await SseClient.open(`${web.url}/tasks/${id}/events`, ADMIN, stream.events.at(-1)?.id);
    expect(again.status).toBe(204);
  });

  it('that has ended is told once, and the stream closes', async () => {
    const id = await web.enqueue('test.echo', { text: 'done' });
    await web.ended(id);
    const stream = await SseClient.open(`${web.url}/tasks/${id}/events`, ADMIN);
    await within('the end of the stream', stream.ended);
    expect(statusesOf(stream.events)).toEqual(['FINISHED']);
  });

  // Proven: without the early leave the process listens for ever, and is told of every change of every task.
  it('that has ended leaves nobody listening', async () => {
    const id = await web.enqueue('test.echo', { text: 'done' });
    await web.ended(id);
    for (const seen of [undefined, '999999']) {
      const stream = await SseClient.open(`${web.url}/tasks/${id}/events`, ADMIN, seen);
      await within('the end of the stream', stream.ended);
    }
    await waitFor('nobody to listen', async () => (await listening(web.appName)) === 0);
  });

  it('is followed with a token in a cookie, by whoever may: an EventSource can send nothing else', async () => {
    const id = await web.enqueue('test.echo', { text: 'followed by a page' });
    await web.ended(id);
    for (const [cookie, status] of [
      [`shiftwork-token=${VIEWER}`, 200],
      [`theme=dark; shiftwork-token=${encodeURIComponent(ADMIN).replace('-', '%2D')}`, 200],
      ['shiftwork-token=guess', 401],
      ['shiftwork-token=%', 401],
      [`other-shiftwork-token=${ADMIN}`, 401],
    ] as const) {
      const answer = await web.get(`/tasks/${id}/events`, { token: null, headers: { cookie } });
      expect([cookie, answer.status]).toEqual([cookie, status]);
    }
  });

  // Proven: with the cookie for every route, all of these are answered.
  it('is the only thing that a cookie is good for', async () => {
    const headers = { cookie: `shiftwork-token=${ADMIN}` };
    for (const [method, path] of [
      ['GET', NO_TASK],
      ['POST', `${NO_TASK}/cancel`],
      ['POST', '/tasks/cancel'],
      ['GET', '/failed-tasks'],
    ] as const)
      expect([path, (await web.call(method, path, { token: null, headers })).status]).toEqual([path, 401]);
  });

  it('that does not exist is a 404 before any stream', async () => {
    const { status, body } = await web.get(`${NO_TASK}/events`);
    expect([status, body.code]).toEqual([404, 'not-found']);
  });
});

describe('GET /tasks/:id', () => {
  it('has every field, and the executions', async () => {
    const task = await web.ended(await web.enqueue('test.echo', { text: 'hello' }));
    expect(Object.keys(task).sort()).toEqual(TASK_FIELDS);
    expect(task).toMatchObject({
      status: 'FINISHED',
      result: { text: 'hello' },
      error: null,
      execution: 1,
      progress: { percent: 100, message: null },
    });
    expect(task.executions).toMatchObject([{ number: 1, outcome: 'finished', error: null }]);
  });

  it('with wait answers at the end of the task', async () => {
    const id = await web.enqueue('test.steps', { name: 'waited for' });
    const waiting = web.get(`/tasks/${id}?wait=25`);
    await waitFor('the start', async () => (await web.get(`/tasks/${id}`)).body.status === 'STARTED');
    gateOf('waited for').half.resolve();
    gateOf('waited for').end.resolve();
    expect((await waiting).body.status).toBe('FINISHED');
  });

  it('with wait answers a task that goes on as it is when the time is over', async () => {
    const id = await web.enqueue('test.echo', { text: 'later' }, { delay: 3_600_000 });
    const { status, body } = await web.get(`/tasks/${id}?wait=1`);
    expect([status, body.status]).toEqual([200, 'SCHEDULED']);
    expect((await web.get(`/tasks/${id}?wait=26`)).status).toBe(422);
  });
});

describe('the log of a task', () => {
  it('is read oldest first, in pages', async () => {
    const id = await web.enqueue('test.echo', { text: 'log' });
    await web.ended(id);
    const lines = await waitFor('both lines', async () => {
      const { body } = await web.get(`/tasks/${id}/logs`);
      return body.items.length === 2 && body.items;
    });
    expect(lines).toMatchObject([
      { level: 'info', message: 'echo log', execution: 1, at: A_TEXT },
      { level: 'warn', message: 'once more', execution: 1, at: A_TEXT },
    ]);
    const first = await web.get(`/tasks/${id}/logs?limit=1`);
    const second = await web.get(`/tasks/${id}/logs?limit=1&cursor=${first.body.nextCursor}`);
    expect([first.body.items[0]?.message, second.body.items[0]?.message, second.body.nextCursor]).toEqual([
      'echo log',
      'once more',
      null,
    ]);
  });
});

describe('cancelling', () => {
  it('ends a waiting task at once: 202, and 200 from then on', async () => {
    const id = await web.enqueue('test.echo', { text: 'never' }, { delay: 3_600_000 });
    const first = await web.post(`/tasks/${id}/cancel`);
    const second = await web.post(`/tasks/${id}/cancel`);
    expect([first.status, first.body.status, second.status, second.body.status]).toEqual([
      202,
      'CANCELLED',
      200,
      'CANCELLED',
    ]);
  });

  it('takes an id in capitals, with a body as without', async () => {
    const id = await web.enqueue('test.echo', { text: 'never' }, { delay: 3_600_000 });
    expect((await web.post(`/tasks/${id.toUpperCase()}/cancel`, {})).body.id).toBe(id);
  });

  it('signals a running one', async () => {
    const id = await web.enqueue('test.steps', { name: 'cancelled' });
    await waitFor('the start', async () => (await web.get(`/tasks/${id}`)).body.status === 'STARTED');
    const { status, body } = await web.post(`/tasks/${id}/cancel`);
    expect([status, body.status]).toEqual([202, 'STARTED']);
    expect((await web.ended(id)).status).toBe('CANCELLED');
  });

  it('comes too late for a finished one', async () => {
    const id = await web.enqueue('test.echo', { text: 'a' });
    await web.ended(id);
    const { status, body } = await web.post(`/tasks/${id}/cancel`);
    expect([status, body.code]).toEqual([409, 'already-final']);
  });

  it('ends all that fit a filter, and nothing else', async () => {
    const ids = await Promise.all(
      ['a', 'b', 'c'].map((text) =>
        web.enqueue(
          'test.echo',
          { text },
          { delay: 3_600_000, key: text === 'c' ? 'kept' : 'to be cancelled' },
        ),
      ),
    );
    const { status, body } = await web.post('/tasks/cancel', { filter: { key: 'to be cancelled' } });
    expect([status, body]).toEqual([202, { matched: 2 }]);
    const left = await query<{ id: string }>(
      `select id from "${web.appName}".task_now where id = any($1) and status <> 'CANCELLED'`,
      [ids],
    );
    expect(left.map((row) => row.id)).toEqual([ids[2]]);
  });
});

describe('again and promote', () => {
  it('make a copy of an ended task, and run a scheduled one now', async () => {
    const id = await web.enqueue(
      'test.echo',
      { text: 'twice' },
      { delay: 3_600_000, key: 'copied', attempts: 7 },
    );
    expect((await web.post(`/tasks/${id}/again`)).status).toBe(409);
    const promoted = await web.post(`/tasks/${id}/promote`);
    expect(promoted.status).toBe(202);
    expect((await web.ended(id)).status).toBe('FINISHED');
    expect((await web.post(`/tasks/${id}/promote`)).status).toBe(409);

    const copy = await web.post(`/tasks/${id}/again`);
    expect(copy.status).toBe(202);
    expect(copy.headers.get('location')).toBe(`/tasks/${copy.body.id}`);
    expect(copy.body).toMatchObject({
      payload: { text: 'twice' },
      key: 'copied',
      attempts: { made: 0, max: 7 },
    });
    expect(copy.body).not.toHaveProperty('isNew'); // it is always new
    expect((await web.ended(copy.body.id)).result).toEqual({ text: 'twice' });
  });
});
