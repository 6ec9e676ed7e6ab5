import { Controller, type DynamicModule, Get, Module, StreamableFile } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lateAnswer } from '../../../src/http/streams/verdict-stream.js';
import { Shutdown } from '../../../src/lifecycle/index.js';
import { waitFor, within } from '../../support/wait.js';
import { SseClient } from './sse-client.js';
import { ADMIN, CLIENT, gateOf, VIEWER, Web } from './web.fixture.js';

const UNKNOWN_TASK = '0198f3c2-0000-7000-8000-000000000000';

/** Answers as POST /control/drain does when its verdict comes late and is not safe. */
@Controller('late')
class LateController {
  @Get()
  answer(): StreamableFile {
    return new StreamableFile(lateAnswer(Promise.resolve({ text: '{"safe":false}', isGood: false })));
  }
}

/** An app of somebody else on Express, which lets in bodies as large as Shiftwork takes them. */
function somebodysApp(shiftwork: DynamicModule): Promise<NestExpressApplication> {
  return create(shiftwork).then((app) => app.useBodyParser('json', { limit: '32mb' }));
}

function create(shiftwork: DynamicModule): Promise<NestExpressApplication> {
  @Module({ imports: [shiftwork], controllers: [LateController] })
  class HostModule {}
  return NestFactory.create<NestExpressApplication>(HostModule, { logger: false, abortOnError: false });
}

let web: Web;
beforeAll(async () => {
  web = await Web.start(['web', 'worker'], {}, { create: somebodysApp });
});
afterAll(() => web.stop());

describe('in an app on Express', () => {
  it('a task is accepted with 202 and where it is, and runs', async () => {
    const accepted = await web.post('/jobs/test.echo', { payload: { text: 'a' } }, { token: CLIENT });
    expect([accepted.status, accepted.headers.get('location')]).toEqual([202, `/tasks/${accepted.body.id}`]);
    expect(await web.ended(accepted.body.id)).toMatchObject({ status: 'FINISHED', result: { text: 'a' } });
  });

  it('every fault is told with its path, as a problem', async () => {
    const { status, headers, body } = await web.post('/jobs/test.echo', {
      payload: { text: 1 },
      options: { delay: -1, nonsense: true },
    });
    expect([status, headers.get('content-type'), body.code]).toEqual([
      422,
      'application/problem+json',
      'invalid',
    ]);
    expect(body.errors.map(({ path }) => path).sort()).toEqual(['options.delay', 'options.nonsense']);
    const refused = await web.post('/jobs/test.echo', { payload: { text: 1 } });
    expect([refused.status, refused.body.errors[0]?.path]).toEqual([422, 'payload.text']);
  });

  it('a body that is not JSON is a 415, a form included', async () => {
    for (const [type, body] of [
      ['application/x-www-form-urlencoded', 'payload[text]=a'],
      ['text/plain', '{"payload":{"text":"a"}}'],
      ['', '{"payload":{"text":"a"}}'],
    ] as const) {
      const answer = await fetch(`${web.url}/jobs/test.echo`, {
        method: 'POST',
        headers: { authorization: `Bearer ${CLIENT}`, ...(type !== '' && { 'content-type': type }) },
        body: Buffer.from(body),
      });
      const { code } = (await answer.json()) as { code: string };
      expect([type, answer.status, code]).toEqual([type, 415, 'unsupported-media-type']);
    }
  });

  it('what does not exist is a 404, and who may not is told so', async () => {
    for (const path of [`/tasks/${UNKNOWN_TASK}`, `/tasks/${UNKNOWN_TASK}/events`]) {
      const unknown = await web.get(path);
      expect([unknown.status, unknown.body.code]).toEqual([404, 'not-found']);
    }
    for (const path of ['/queues/%00/pause', '/jobs/%00'])
      expect((await web.post(path, { payload: {} })).status).toBe(404);
    const job = await web.post('/jobs/no.such', { payload: {} });
    expect([job.status, job.body.code]).toEqual([404, 'unknown-job']);

    const nobody = await web.get('/tasks', { token: null });
    expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect((await web.post('/queues/default/pause', undefined, { token: VIEWER })).status).toBe(403);
  });

  it('a body that is too large is a 413: above 1 MiB, or with a payload above 256 KiB', async () => {
    const large = await web.post('/jobs/test.echo', { payload: { text: 'a'.repeat(1_048_576) } });
    expect([large.status, large.body.code]).toEqual([413, 'payload-too-large']);
    const payload = await web.post('/jobs/test.echo', { payload: { text: 'a'.repeat(262_144) } });
    expect([payload.status, payload.body.code]).toEqual([413, 'payload-too-large']);
    const fits = await web.post('/jobs/test.echo', { payload: { text: 'a'.repeat(250_000) } });
    expect(fits.status).toBe(202);
  });

  it('a bulk is one transaction, ids in the order of the payloads', async () => {
    const payloads = Array.from({ length: 1_000 }, (_, i) => ({ text: `${String(i)}${'.'.repeat(1_500)}` }));
    const { status, body } = await web.post('/jobs/test.echo/bulk', { payloads });
    expect([status, new Set(body.ids).size]).toEqual([202, 1_000]);
    expect((await web.get(`/tasks/${String(body.ids[17])}`)).body).toMatchObject({ payload: payloads[17] });
    const wrong = await web.post('/jobs/test.echo/bulk', { payloads: [{ text: 'a' }, { text: 2 }] });
    expect([wrong.status, wrong.body.errors[0]?.path]).toEqual([422, 'payloads.1.text']);
  });

  it('a key that is used again gives the same task, with 200 and the header that says so', async () => {
    const options = { headers: { 'idempotency-key': 'once' } };
    const first = await web.post('/jobs/test.echo', { payload: { text: 'k' } }, options);
    const again = await web.post('/jobs/test.echo', { payload: { text: 'k' } }, options);
    expect([first.status, again.status, again.body.id]).toEqual([202, 200, first.body.id]);
    expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    const other = await web.post('/jobs/test.echo', { payload: { text: 'other' } }, options);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused']);
  });

  it('a task is followed by server-sent events to its end', async () => {
    const id = await web.enqueue('test.steps', { name: 'on express' });
    const stream = await SseClient.open(`${web.url}/tasks/${id}/events`, ADMIN);
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    await waitFor('the first event', () => stream.events.length > 0);
    gateOf('on express').half.resolve();
    await waitFor('the progress', () => stream.events.some(({ event }) => event === 'progress'));
    gateOf('on express').end.resolve();
    await within('the end of the stream', stream.ended);
    expect(stream.events.at(-1)).toMatchObject({ event: 'status', data: { id, status: 'FINISHED' } });
    const again = await SseClient.open(`${web.url}/tasks/${id}/events`, ADMIN, stream.events.at(-1)?.id);
    expect(again.status).toBe(204);
  });

  it('the dashboard, health and metrics are there', async () => {
    const page = await web.get('/admin', { token: null });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect((await web.get('/health/ready', { token: null })).body).toMatchObject({ status: 'ok' });
    expect((await web.get('/metrics')).headers.get('content-type')).toContain('version=0.0.4');
  });

  it('a drain that finds somebody busy is a 409 that names who', async () => {
    const id = await web.enqueue('test.steps', { name: 'busy on express' });
    await waitFor('the start', async () => (await web.get(`/tasks/${id}`)).body.status === 'STARTED');
    const { status, body } = await web.post('/control/drain', { timeout: 1_000 });
    expect([status, body.code, body.safe]).toEqual([409, 'not-safe', false]);
    expect(body.busy).toMatchObject([{ task: id }]);
    expect((await web.post('/control/resume')).status).toBe(200);
    gateOf('busy on express').half.resolve();
    gateOf('busy on express').end.resolve();
    await web.ended(id);
  });

  it('an answer that turns out bad after its status was sent is cut off', async () => {
    const response = await fetch(`${web.url}/late`);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
  });
});

describe('an app on Express with nothing set', () => {
  it('refuses what is no JSON, and bodies above 100 kB, by itself, and ends streams and long polls when it is closed', async () => {
    const plain = await Web.start(['web'], {}, { create });
    try {
      expect((await plain.post('/jobs/test.echo', { payload: { text: 'a'.repeat(99_000) } })).status).toBe(
        202,
      );
      const noJson = { body: '{', headers: { 'content-type': 'application/json' } };
      expect((await plain.post('/jobs/test.echo', undefined, noJson)).status).toBe(400);
      const large = await plain.post('/jobs/test.echo', { payload: { text: 'a'.repeat(110_000) } });
      expect(large.status).toBe(413);

      const id = await plain.enqueue('test.echo', { text: 'nobody runs it' });
      const stream = await SseClient.open(`${plain.url}/tasks/${id}/events`, ADMIN);
      await waitFor('the first event', () => stream.events.length > 0);
      const poll = plain.get(`/tasks/${id}?wait=25`);
      const shutdown = plain.app.get(Shutdown);
      const exitCode = await within(
        'the shutdown',
        shutdown.run(() => plain.app.close(), 'SIGTERM'),
      );
      expect(exitCode).toBe(0);
      await within('the end of the stream', stream.ended);
      expect((await poll).status).toBe(200);
    } finally {
      await plain.stop();
    }
  });
});
