import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeCursor } from '../../../src/foundation/index.js';
import { MOST_TIMEOUT_MS } from '../../../src/jobs/index.js';
import { Postgres } from '../../../src/postgres/index.js';
import { query } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';
import { type Answer, CLIENT, VIEWER, Web, type CallOptions } from './web.fixture.js';

const A_LIST: unknown = expect.any(Array);
const A_TEXT: unknown = expect.any(String);

let web: Web;
beforeAll(async () => {
  web = await Web.start(['web']);
});
afterAll(() => web.stop());

const NO_TASK = '/tasks/00000000-0000-7000-8000-000000000000';
const TOO_LARGE = `"${'x'.repeat(1_100_000)}"`;
const JSON_TYPE = { 'content-type': 'application/json' };

describe('checks come in one order, whatever else is wrong', () => {
  // Each request has every fault that comes later in the order, too. Proven: without the hook of fastify-hooks.ts the
  // guard alone answers 413 to the first three of them.
  it.each<[string, string, string, CallOptions, number, string]>([
    [
      'no token, before the body is read',
      'POST',
      '/jobs/nothing',
      { token: null, headers: JSON_TYPE, body: TOO_LARGE },
      401,
      'unauthorized',
    ],
    [
      'a wrong token',
      'POST',
      '/jobs/nothing',
      { token: 'guess', headers: JSON_TYPE, body: TOO_LARGE },
      401,
      'unauthorized',
    ],
    [
      'a viewer who enqueues',
      'POST',
      '/jobs/nothing',
      { token: VIEWER, headers: JSON_TYPE, body: TOO_LARGE },
      403,
      'forbidden',
    ],
    ['an unknown job', 'POST', '/jobs/nothing', { headers: JSON_TYPE, body: TOO_LARGE }, 404, 'unknown-job'],
    [
      'an unknown job with a text',
      'POST',
      '/jobs/nothing',
      { headers: { 'content-type': 'text/plain' }, body: '{' },
      404,
      'unknown-job',
    ],
    ['an unknown job without a body', 'POST', '/jobs/nothing', {}, 404, 'unknown-job'],
    [
      'a body over 1 MiB of the wrong type',
      'POST',
      '/jobs/test.echo',
      { headers: { 'content-type': 'text/plain' }, body: TOO_LARGE },
      413,
      'payload-too-large',
    ],
    [
      'a text',
      'POST',
      '/jobs/test.echo',
      { headers: { 'content-type': 'text/plain' }, body: '{"payload":{}}' },
      415,
      'unsupported-media-type',
    ],
    [
      'malformed JSON',
      'POST',
      '/jobs/test.echo',
      { headers: JSON_TYPE, body: '{"payload":' },
      400,
      'malformed-json',
    ],
    [
      'a payload over 256 KiB beside an unknown key',
      'POST',
      '/jobs/test.echo',
      { json: { payload: { text: 'x'.repeat(270_000) }, nonsense: 1 } },
      413,
      'payload-too-large',
    ],
    [
      'a wrong payload',
      'POST',
      '/jobs/test.echo',
      { json: { payload: { text: 1 } }, headers: { 'idempotency-key': 'k1' } },
      422,
      'invalid',
    ],
    [
      'requireWorker without a worker',
      'POST',
      '/jobs/test.echo',
      { json: { payload: { text: 'a' }, options: { requireWorker: true } } },
      503,
      'no-worker',
    ],
    [
      'an unknown task, with a broken body',
      'POST',
      `${NO_TASK}/cancel`,
      { headers: JSON_TYPE, body: '{' },
      404,
      'not-found',
    ],
    // Proven: without names in the rules of these three they are 422.
    ['an unknown task, with a wrong query', 'GET', `${NO_TASK}?wait=long`, {}, 404, 'not-found'],
    ['the lines of one, with a wrong query', 'GET', `${NO_TASK}/logs?limit=many`, {}, 404, 'not-found'],
    [
      'the ticks of no schedule, with a wrong query',
      'GET',
      '/schedules/nothing/ticks?limit=many',
      {},
      404,
      'not-found',
    ],
    ['an id that is none, with a wrong query', 'GET', '/tasks/17?wait=long', {}, 404, 'not-found'],
    ['an id that is none', 'GET', '/tasks/17', {}, 404, 'not-found'],
    ['a list with a slash at its end, with another verb', 'PUT', '/tasks/', {}, 405, 'method-not-allowed'],
    [
      'an unknown path, with a broken body',
      'POST',
      '/nowhere',
      { headers: JSON_TYPE, body: '{' },
      404,
      'not-found',
    ],
    ['an unknown queue', 'POST', '/queues/nothing/pause', {}, 404, 'unknown-queue'],
    [
      'an unknown queue, with a broken body',
      'POST',
      '/queues/nothing/pause',
      { headers: JSON_TYPE, body: '{' },
      404,
      'unknown-queue',
    ],
    // Proven: without checkNames in the gate the next four are not 404.
    ['a queue with a NUL in its name', 'POST', '/queues/%00/pause', {}, 404, 'not-found'],
    ['a schedule with one', 'GET', '/schedules/%00', {}, 404, 'not-found'],
    ['one that is made', 'PUT', '/schedules/%00', { json: {} }, 404, 'not-found'],
    [
      'a job with one, and a broken body',
      'POST',
      '/jobs/%00',
      { headers: JSON_TYPE, body: '{' },
      404,
      'not-found',
    ],
    ['a forged cursor', 'GET', '/tasks?cursor=AAAA', {}, 400, 'bad-cursor'],
    ['a client that pauses a queue', 'POST', '/queues/default/pause', { token: CLIENT }, 403, 'forbidden'],
    ['a client that reads the fleet', 'GET', '/processes', { token: CLIENT }, 403, 'forbidden'],
    ['an unknown query key', 'GET', '/tasks?colour=red', {}, 422, 'invalid'],
    ['a path that cannot be decoded', 'GET', '/tasks/%zz', {}, 400, 'bad-request'],
  ])('%s', async (_what, method, path, options, status, code) => {
    const answer = await web.call(method, path, options);
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({
      type: 'about:blank',
      status,
      title: A_TEXT,
      detail: A_TEXT,
      errors: A_LIST,
    });
  });

  it('a known path with another verb names the verbs it has', async () => {
    const answer = await web.call('DELETE', '/tasks/cancel');
    expect({ status: answer.status, code: answer.body.code, allow: answer.headers.get('allow') }).toEqual({
      status: 405,
      code: 'method-not-allowed',
      allow: 'GET, HEAD, POST', // GET: as the id of a task
    });
  });
});

describe('faults', () => {
  // PostgreSQL has no year 0 and reads no year of five digits.
  it.each(['0000-06-01T00:00:00Z', '0001-01-01T00:00:00+01:00', '9999-12-31T23:59:59-01:00'])(
    'are told of an instant that cannot be stored: %s',
    async (from) => {
      const { status, body } = await web.post('/tasks/cancel', { filter: { from } });
      expect([status, body.errors.map((fault) => fault.path)]).toEqual([422, ['filter.from']]);
    },
  );

  it('are told of a payload that is nested too deep to be walked through', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    const body = `{"payload":{"text":"a","more":${deep}}}`;
    const answer = await web.call('POST', '/jobs/test.echo', { headers: JSON_TYPE, body });
    expect([answer.status, answer.body.code, answer.body.errors.length]).toEqual([422, 'invalid', 1]);
  });

  it('are told up to a thousand of them: an answer is not a multiple of what was sent', async () => {
    const payload = { text: 'a', times: Array<string>(2_000).fill('') };
    for (const [path, body] of [
      ['/jobs/test.echo', { payload }],
      ['/jobs/test.echo/bulk', { payloads: [payload, payload] }],
      ['/jobs/test.echo', Object.fromEntries(payload.times.map((_, i) => [`key${String(i)}`, i]))],
    ] as const) {
      const answer = await web.post(path, body);
      expect([answer.status, answer.body.errors.length]).toEqual([422, 1_000]);
    }
  });

  // Proven: without isStorableText in the readers, in decodeCursor and in KnownJobs each of them is a 500.
  it.each<[string, string, unknown, number, string[]]>([
    ['GET', '/tasks?key=%00', undefined, 422, ['key']],
    ['GET', '/failed-tasks?fingerprint=a%00', undefined, 422, ['fingerprint']],
    ['GET', `/schedules?cursor=${encodeCursor(['\u0000'])}`, undefined, 400, []],
    ['POST', '/tasks/cancel', { filter: { job: '\u0000' } }, 422, ['filter.job']],
    ['POST', '/failed-tasks/dismiss', { filter: { all: true }, reason: 'a\u0000' }, 422, ['reason']],
    ['POST', '/failed-tasks/dismiss', { filter: { all: true }, reason: '\ud83d' }, 422, ['reason']],
    ['PUT', '/schedules/a', { job: '\u0000', every: 1_000 }, 422, ['job']],
  ])('are told of a text that cannot be stored: %s %s', async (method, path, json, status, paths) => {
    const answer = await web.call(method, path, json === undefined ? {} : { json });
    expect([answer.status, answer.body.errors.map((fault) => fault.path)]).toEqual([status, paths]);
  });

  it('are all told, each with its path from the body root', async () => {
    const { body } = await web.post('/jobs/test.echo', { payload: { text: 1, times: [1, 'two'] } });
    expect(body.errors.map((fault: { path: string }) => fault.path).sort()).toEqual([
      'payload.text',
      'payload.times.1',
    ]);
  });

  it('in a bulk name the payload; nothing of it is accepted', async () => {
    const payloads = Array.from({ length: 100 }, (_, i) => ({ text: i === 41 ? i : String(i) }));
    const { status, body } = await web.post('/jobs/test.echo/bulk', {
      payloads,
      options: { key: 'bad-bulk' },
    });
    expect([status, body.errors[0]?.path]).toEqual([422, 'payloads.41.text']);
    expect((await web.get('/tasks?key=bad-bulk')).body.items).toEqual([]);
  });
});

describe('Idempotency-Key', () => {
  it('makes one task of fifty requests at once, and says which answers repeat it', async () => {
    const ask = () =>
      web.post('/jobs/test.echo', { payload: { text: 'once' } }, { headers: { 'idempotency-key': 'fifty' } });
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    const fresh = answers.filter((answer) => answer.status === 202);
    const replayed = answers.filter((answer) => answer.status === 200);
    expect([fresh.length, replayed.length]).toEqual([1, 49]);
    expect(replayed.every((answer) => answer.headers.get('idempotency-replayed') === 'true')).toBe(true);
    expect(replayed.every((answer) => answer.headers.get('location') === `/tasks/${answer.body.id}`)).toBe(
      true,
    );
    const rows = await query(`select id from "${web.appName}".task where idempotency_key = 'fifty'`);
    expect(rows).toHaveLength(1);
  });

  it('with another payload is refused', async () => {
    const ask = (text: string) =>
      web.post('/jobs/test.echo', { payload: { text } }, { headers: { 'idempotency-key': 'reused' } });
    expect((await ask('a')).status).toBe(202);
    const { status, body } = await ask('b');
    expect([status, body.code]).toEqual([422, 'idempotency-key-reused']);
  });

  it('must equal the option, and cannot stand for a bulk', async () => {
    const headers = { 'idempotency-key': 'a' };
    const unequal = await web.post(
      '/jobs/test.echo',
      { payload: { text: 'a' }, options: { idempotencyKey: 'b' } },
      { headers },
    );
    const bulk = await web.post('/jobs/test.echo/bulk', { payloads: [{ text: 'a' }] }, { headers });
    expect([unequal.status, bulk.status]).toEqual([422, 422]);
  });
});

describe('accepting', () => {
  it('answers 202 with the task, where it is, and a warning while nobody works on its queue', async () => {
    const { status, body, headers } = await web.post(
      '/jobs/test.echo',
      { payload: { text: 'a', secret: 'hidden' }, options: { priority: 3, key: 'order:17' } },
      { token: CLIENT },
    );
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/tasks/${body.id}`);
    expect(body).toMatchObject({
      job: 'test.echo',
      queue: 'default',
      status: 'QUEUED',
      priority: 3,
      key: 'order:17',
      result: null,
      worker: null,
    });
    expect(body.warnings).toEqual([{ code: 'no-worker', message: A_TEXT }]);
    expect(JSON.stringify(body)).not.toContain('hidden');
    expect(
      (await web.get('/tasks?key=order:17', { token: CLIENT })).body.items.map(
        (task: { id: string }) => task.id,
      ),
    ).toEqual([body.id]);
  });

  it('a bulk of a thousand is one transaction, ids in the order of the payloads', async () => {
    const payloads = Array.from({ length: 1_000 }, (_, i) => ({ text: `bulk ${i}` }));
    const { status, body } = await web.post('/jobs/test.echo/bulk', { payloads });
    expect([status, body.ids.length]).toEqual([202, 1_000]);
    const rows = await query<{ id: string; text: string; tx: string }>(
      `select id, payload->>'text' as text, xmin::text as tx from "${web.appName}".task where payload->>'text' like 'bulk %'`,
    );
    const textOf = new Map(rows.map((row) => [row.id, row.text]));
    expect(body.ids.map((id: string) => textOf.get(id))).toEqual(payloads.map((payload) => payload.text));
    expect(new Set(rows.map((row) => row.tx)).size).toBe(1);
  });

  // Proven: with more allowed, the second is a 500, because the column holds no more.
  it('takes a timeout as long as a timer can be, and refuses a longer one', async () => {
    const ask = (timeout: number) =>
      web.post('/jobs/test.echo', { payload: { text: 'patient' }, options: { timeout } });
    const longest = await ask(MOST_TIMEOUT_MS);
    const { status, body } = await ask(2_592_000_000);
    expect([longest.status, status, body.errors.map(({ path }) => path)]).toEqual([
      202,
      422,
      ['options.timeout'],
    ]);
  });

  // Proven: while the ledger's count alone was believed, the one asked for meanwhile had room, too.
  it('is refused with 429 and Retry-After when the backlog of the queue is full, also of what is just being accepted', async () => {
    const ask = () => web.post('/jobs/test.limited', { payload: {} });
    let filling: Promise<Answer> | undefined;
    const meanwhile = await web.app.get(Postgres, { strict: false }).transaction(async (manager) => {
      await manager.query(`LOCK TABLE "${web.appName}".task IN SHARE MODE`); // it can be read, and not written
      filling = web.post('/jobs/test.limited/bulk', { payloads: [{}, {}] });
      await waitFor('them to be written', async () => {
        const sql = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"${web.appName}".task%'`;
        return (await query(sql)).length > 0;
      });
      return ask();
    });
    expect((await filling)?.status).toBe(202);
    for (const { status, body, headers } of [meanwhile, await ask()]) {
      expect([status, body.code]).toEqual([429, 'backlog-full']);
      expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
  });

  // Proven: without the look at the key both are refused; without the comparison the other request is answered with the task.
  it('is answered with its task when it is repeated, while nothing new would be accepted', async () => {
    const ask = (n: number, requireWorker = false) =>
      web.post(
        '/jobs/test.crowded',
        { payload: { n }, options: { requireWorker } },
        { headers: { 'idempotency-key': '01' } },
      );
    const first = await ask(1);
    const again = await ask(1, true); // no worker
    await web.enqueue('test.crowded', { n: 0 });
    expect((await web.post('/jobs/test.crowded', { payload: { n: 0 } })).body.code).toBe('backlog-full');
    const later = await ask(1);
    expect([first, again, later].map(({ status, body }) => [status, body.id])).toEqual([
      [202, first.body.id],
      [200, first.body.id],
      [200, first.body.id],
    ]);
    expect((await ask(2)).body.code).toBe('idempotency-key-reused');
  });
});

describe('lists', () => {
  it('page through everything once, newest first', async () => {
    const { body } = await web.post('/jobs/test.echo/bulk', {
      payloads: Array.from({ length: 5 }, (_, i) => ({ text: String(i) })),
      options: { key: 'paged' },
    });
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Answer = await web.get(
        `/tasks?key=paged&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.items.map((task) => task.id));
      cursor = page.body.nextCursor;
    }
    expect(seen).toEqual([...body.ids].sort().reverse());
  });

  it.each([
    '/jobs',
    '/queues',
    '/processes',
    '/schedules',
    '/tasks',
    '/failed-tasks',
    '/failed-tasks/groups',
  ])('%s answers items and nextCursor', async (path) => {
    const { status, body } = await web.get(`${path}?limit=200`, { token: VIEWER });
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['items', 'nextCursor']);
    expect(body.items).toBeInstanceOf(Array);
  });
});
