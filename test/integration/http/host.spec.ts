import { Controller, type DynamicModule, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { ShiftworkModule } from '../../../src/app/index.js';
import { loadSettings } from '../../../src/config/index.js';
import { Telemetry } from '../../../src/telemetry/index.js';
import { environmentOf, query, uniqueAppName } from '../../support/servers.js';
import { waitFor, within } from '../../support/wait.js';
import { gateOf, VIEWER, Web } from './web.fixture.js';

@Controller('shop')
class ShopController {
  @Get()
  list(): string[] {
    return ['a bicycle'];
  }
  @Post()
  sell(): never {
    throw new Error('sold out');
  }
}

/** An app of somebody else that has Shiftwork as one of its modules, and none of our hooks. */
function somebodysApp(shiftwork: DynamicModule): Promise<NestFastifyApplication> {
  @Module({ imports: [shiftwork], controllers: [ShopController] })
  class HostModule {}
  return NestFactory.create<NestFastifyApplication>(HostModule, new FastifyAdapter(), {
    logger: false,
    abortOnError: false,
  });
}

async function prefixed(shiftwork: DynamicModule): Promise<NestFastifyApplication> {
  const app = await somebodysApp(shiftwork);
  return app.setGlobalPrefix('api/v1');
}

/** An app of somebody else with a document of its own, where ours has one. */
async function described(shiftwork: DynamicModule): Promise<NestFastifyApplication> {
  const app = await somebodysApp(shiftwork);
  const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('The shop').build());
  SwaggerModule.setup('docs', app, document, { ui: false });
  return app;
}

let web: Web | undefined;
afterEach(() => web?.stop());

describe('as a module of somebody else’s app', () => {
  it('REST keeps its tokens and its problems, and leaves the host’s routes alone', async () => {
    web = await Web.start(['web'], {}, { create: somebodysApp });
    expect((await web.get('/tasks', { token: null })).status).toBe(401);
    expect((await web.post('/queues/default/pause', undefined, { token: VIEWER })).status).toBe(403);
    const refused = await web.post('/jobs/test.echo', { payload: { text: 1 } });
    expect([refused.status, refused.headers.get('content-type'), refused.body.errors[0]?.path]).toEqual([
      422,
      'application/problem+json',
      'payload.text',
    ]);
    expect((await web.post('/jobs/test.echo', { payload: { text: 'a' } })).status).toBe(202);

    expect((await web.get('/shop', { token: null })).body).toEqual(['a bicycle']);
    expect((await web.post('/shop', undefined, { token: null })).body).toEqual({
      statusCode: 500,
      message: 'Internal server error',
    });
    expect((await web.get('/nowhere', { token: null })).body).toMatchObject({ statusCode: 404 });
    for (const path of ['/docs', '/docs-json']) expect((await web.get(path)).status).toBe(404);
  });

  it('does not start without its tables, and says how to make them', async () => {
    const { settings } = loadSettings(environmentOf(uniqueAppName()), []);
    const app = await somebodysApp(ShiftworkModule.forRoot({ settings, telemetry: new Telemetry() }));
    await expect(app.init()).rejects.toThrow('npx shiftwork migrate');
    await app.close();
  });

  // Proven: with our /docs beside it Fastify does not start, and without a document behind it the page is an empty one.
  it('leaves /docs to the host', async () => {
    web = await Web.start(['web'], {}, { create: described });
    expect((await web.get('/docs-json', { token: null })).body).toMatchObject({
      info: { title: 'The shop' },
    });
  });

  it('the guards can be left to the host', async () => {
    web = await Web.start(['web'], {}, { create: somebodysApp, http: { auth: 'host' } });
    expect((await web.get('/tasks', { token: null })).status).toBe(200);
    expect((await web.post('/queues/default/pause', undefined, { token: null })).status).toBe(200);
  });

  // Proven: while Location began with /tasks and /schedules, each of them led to a 404.
  it('says where a task or a schedule is, behind the prefix that the host gives to all paths', async () => {
    const api = (web = await Web.start(['web', 'worker'], {}, { create: prefixed }));
    const accepted = await api.post('/api/v1/jobs/test.fail?', { payload: { why: 'to be retried' } });
    const [failed] = await waitFor('the FailedTask', async () => {
      const { body } = await api.get('/api/v1/failed-tasks');
      return body.items.length === 1 && body.items;
    });
    const schedule = { job: 'test.echo', payload: { text: 'a' }, every: 3_600_000 };
    const answers = [
      accepted,
      await api.call('PUT', '/api/v1/schedules/hourly', { json: schedule }),
      await api.post('/api/v1/schedules/hourly/run'),
      await api.post(`/api/v1/tasks/${accepted.body.id}/again`),
      await api.post(`/api/v1/failed-tasks/${String(failed?.id)}/retry`),
    ];
    for (const { headers } of answers)
      expect((await api.get(headers.get('location') ?? '')).status).toBe(200);
  });

  // Proven: without HostShutdown.onModuleDestroy the app closes at once, and the job with it.
  it('a job that runs when the host closes its app comes to its end first, and nothing is charged', async () => {
    web = await Web.start(['web', 'worker'], { SHUTDOWN_GRACE: '600' }, { create: somebodysApp });
    const { app, appName, events } = web;
    const gate = gateOf('runs when the host closes');
    const id = await web.enqueue('test.steps', { name: 'runs when the host closes' });
    await waitFor('the start', async () => (await taskOf(appName, id))?.status === 'STARTED');
    let isClosed = false;
    const closing = app.close().then(() => (isClosed = true));
    await waitFor('the shutdown', () => events.some(({ name }) => name === 'process.stopping'));
    gate.half.resolve(); // half way it writes its progress
    await waitFor('the progress', async () => (await taskOf(appName, id))?.percent === 50);
    expect(isClosed).toBe(false);
    gate.end.resolve();
    await within('the end of the app', closing);
    expect(await taskOf(appName, id)).toMatchObject({
      status: 'FINISHED',
      execution: 1,
      attempts: 0,
      interruptions: 0,
      crashes: 0,
    });
    expect(events.find(({ name }) => name === 'process.stopped')?.fields).toMatchObject({ exitCode: 0 });
  });
});

/** A look at the ledger when there is nobody left to ask. */
async function taskOf(appName: string, id: string): Promise<Record<string, unknown> | undefined> {
  const [row] = await query(
    `SELECT status, execution, attempts_made AS attempts, interruptions, crashes, progress_percent AS percent
       FROM "${appName}".task_now WHERE id = $1`,
    [id],
  );
  return row;
}
