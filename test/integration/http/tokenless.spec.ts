import { once } from 'node:events';
import { rmSync } from 'node:fs';
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type RequestListener,
} from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type DynamicModule, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ShiftworkModule, type ShiftworkOptions } from '../../../src/app/index.js';
import { SettingsError } from '../../../src/config/index.js';
import { type EmittedEvent, Telemetry } from '../../../src/telemetry/index.js';
import { openFolder } from '../../support/folders.js';
import { Web } from './web.fixture.js';

const QUIET = { logger: false, abortOnError: false } as const;
const onFastify = (shiftwork: DynamicModule): Promise<INestApplication> =>
  NestFactory.create(hostOf(shiftwork), new FastifyAdapter(), QUIET);
const onExpress = (shiftwork: DynamicModule): Promise<INestApplication> =>
  NestFactory.create(hostOf(shiftwork), QUIET);

function hostOf(shiftwork: DynamicModule): new () => object {
  @Module({ imports: [shiftwork] })
  class HostModule {}
  return HostModule;
}

const PATHS = ['/tasks', '/metrics', '/tasks/00000000-0000-7000-8000-000000000000/events'];
const CLAIMS = { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1', authorization: 'Bearer a' };
const REFUSAL = { code: 'forbidden', detail: expect.stringContaining('SHIFTWORK_TOKENS=') as string };
const withoutTokens = (create?: typeof onExpress, http?: ShiftworkOptions['http']): Promise<Web> =>
  Web.start(
    ['web'],
    { SHIFTWORK_TOKENS: '' },
    { ...(create !== undefined && { create }), ...(http !== undefined && { http }) },
  );

describe('without tokens', () => {
  let web: Web;
  afterEach(() => web.stop());

  // Proven: without demandLoopback in the gate, whoever comes from outside is an admin.
  it.each([
    ['the ready-made app', undefined],
    ['an app on Fastify', onFastify],
  ])('%s answers loopback only, whatever the headers say', async (_which, create) => {
    web = await withoutTokens(create);
    expect((await web.post('/queues/default/pause', undefined, { token: null })).status).toBe(200);
    const fastify = web.app as NestFastifyApplication;
    for (const url of PATHS) {
      const answer = await fastify.inject({ url, headers: CLAIMS, remoteAddress: '203.0.113.7' });
      expect([url, answer.statusCode]).toEqual([url, 403]);
      expect(answer.json()).toMatchObject(REFUSAL);
    }
    const health = await fastify.inject({ url: '/health/live', remoteAddress: '203.0.113.7' });
    expect(health.statusCode).toBe(200);
  });

  // Proven: as above. Over a socket file nobody can tell where the other end is.
  it('an app on Express answers loopback only, whatever the headers say', async () => {
    web = await withoutTokens(onExpress);
    expect((await web.post('/queues/default/pause', undefined, { token: null })).status).toBe(200);
    const server = createServer(web.app.getHttpAdapter().getInstance() as RequestListener);
    const folder = openFolder('tokenless');
    const socketPath = join(folder, 'http.sock');
    server.listen(socketPath);
    await once(server, 'listening');
    try {
      for (const path of PATHS) {
        const answer = await overSocket(socketPath, path);
        expect([path, answer.status]).toEqual([path, 403]);
        expect(answer.body).toMatchObject(REFUSAL);
      }
      expect((await overSocket(socketPath, '/health/live')).status).toBe(200);
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });

  // Proven: without isAskedForLoopback or isFromForeignPage in the gate, some of the foreign ones are answered 200.
  it.each([
    ['the ready-made app', undefined],
    ['an app on Fastify', onFastify],
    ['an app on Express', onExpress],
  ])('%s does nothing for a page of another site, nor under another name', async (_which, create) => {
    web = await withoutTokens(create);
    const { port } = new URL(web.url);
    const own = [
      {},
      { host: `localhost:${port}` },
      { host: `shop.localhost:${port}` },
      { host: `[::1]:${port}` },
      { 'sec-fetch-site': 'same-origin', origin: web.url },
      { 'sec-fetch-site': 'none' },
      { origin: 'http://localhost:5173' },
    ];
    const foreign = [
      { host: 'tunnel.example.org' },
      { host: `rebound.example.org:${port}`, 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://example.org' },
      { origin: 'https://example.org' },
      { origin: 'null' },
    ];
    for (const headers of own) {
      expect([headers, (await pauseWith(web, headers)).status]).toEqual([headers, 200]);
    }
    for (const headers of foreign) {
      const answer = await pauseWith(web, headers);
      expect([headers, answer.status]).toEqual([headers, 403]);
      expect(answer.body).toMatchObject(REFUSAL);
    }
  });

  it('whoever comes from outside is let in where the guards are the host’s', async () => {
    web = await withoutTokens(onFastify, { auth: 'host' });
    const fastify = web.app as NestFastifyApplication;
    const answer = await fastify.inject({ url: '/tasks', remoteAddress: '203.0.113.7' });
    expect(answer.statusCode).toBe(200);
  });
});

interface Answered {
  readonly status: number;
  readonly body: unknown;
}

function overSocket(socketPath: string, path: string): Promise<Answered> {
  return answerTo(request({ socketPath, path, headers: CLAIMS }));
}

/** A POST without a body, as any page may send it; `fetch` would not say another Host. */
function pauseWith(web: Web, headers: OutgoingHttpHeaders): Promise<Answered> {
  return answerTo(request(`${web.url}/queues/default/pause`, { method: 'POST', headers }));
}

async function answerTo(asked: ClientRequest): Promise<Answered> {
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: JSON.parse(await text(answer)) };
}

describe('forRoot that reads the environment', () => {
  afterEach(() => vi.unstubAllEnvs());

  function forRoot(nodeEnv: string, options: ShiftworkOptions): string[] {
    vi.stubEnv('NODE_ENV', nodeEnv);
    vi.stubEnv('SHIFTWORK_TOKENS', '');
    const events: EmittedEvent[] = [];
    const telemetry = new Telemetry();
    telemetry.addSink((event) => events.push(event));
    ShiftworkModule.forRoot({ telemetry, ...options });
    return events
      .filter(({ name }) => name === 'process.warned')
      .map(({ fields }) => String(fields['warning']));
  }

  // Proven: with 'tokens' out of restAccess whatever was asked for, it throws.
  it('needs no tokens in production where the host has guards, or where there is no REST', () => {
    const others = forRoot('production', { roles: ['worker'] });
    expect(forRoot('production', { roles: ['web', 'worker'], http: { auth: 'host' } })).toEqual(others);
    expect(forRoot('production', { roles: ['web', 'worker'], http: false })).toEqual(others);
  });

  it('needs them in production where they decide', () => {
    expect(() => forRoot('production', { roles: ['web'] })).toThrow(SettingsError);
    expect(() => forRoot('production', { roles: ['web'], http: { auth: 'tokens' } })).toThrow(
      /SHIFTWORK_TOKENS/,
    );
  });

  it('warns, as the ready-made app does', () => {
    const warned = forRoot('staging', { roles: ['web'] });
    expect(warned).toEqual([
      expect.stringContaining('SHIFTWORK_TOKENS is not set: REST answers this machine only'),
      expect.stringContaining('ADMINS is not set'),
    ]);
  });
});
