import { Controller, type DynamicModule, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { VIEWER, Web } from './web.fixture.js';

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
    expect((await web.get('/docs-json')).status).toBe(404); // the host has a document of its own
  });

  it('the guards can be left to the host', async () => {
    web = await Web.start(['web'], {}, { create: somebodysApp, http: { auth: 'host' } });
    expect((await web.get('/tasks', { token: null })).status).toBe(200);
    expect((await web.post('/queues/default/pause', undefined, { token: null })).status).toBe(200);
  });
});
