import { networkInterfaces } from 'node:os';
import { type DynamicModule, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ShiftworkModule, type ShiftworkOptions } from '../../../src/app/index.js';
import { createWebApp } from '../../../src/app/web.js';
import { SettingsError } from '../../../src/config/index.js';
import { type EmittedEvent, Telemetry } from '../../../src/telemetry/index.js';
import { Web } from './web.fixture.js';

const QUIET = { logger: false, abortOnError: false } as const;
const CREATE = {
  'the ready-made app': (shiftwork: DynamicModule) => createWebApp(shiftwork, false),
  'an app on Fastify': (shiftwork: DynamicModule): Promise<INestApplication> =>
    NestFactory.create(hostOf(shiftwork), new FastifyAdapter(), QUIET),
  'an app on Express': (shiftwork: DynamicModule): Promise<INestApplication> =>
    NestFactory.create(hostOf(shiftwork), QUIET),
};

function hostOf(shiftwork: DynamicModule): new () => object {
  @Module({ imports: [shiftwork] })
  class HostModule {}
  return HostModule;
}

/** An address of this machine that is not loopback: whoever calls it comes from it. */
const OUTSIDE = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.internal === false && each.family === 'IPv4')?.address;

describe.runIf(OUTSIDE !== undefined)('without tokens', () => {
  // Proven: without demandLoopback in the gate, whoever comes from outside is an admin.
  it.each(Object.entries(CREATE))('%s answers loopback only', async (_which, create) => {
    const web = await Web.start(['web'], { SHIFTWORK_TOKENS: '', HOST: '0.0.0.0' }, { create });
    try {
      const inside = { token: null };
      expect((await web.post('/queues/default/pause', undefined, inside)).status).toBe(200);

      const outside = `http://${String(OUTSIDE)}:${new URL(await web.app.getUrl()).port}`;
      for (const path of ['/tasks', '/metrics', '/tasks/00000000-0000-7000-8000-000000000000/events']) {
        const answer = await fetch(outside + path, {
          headers: { 'x-forwarded-for': '127.0.0.1', forwarded: 'for=127.0.0.1', authorization: 'Bearer a' },
        });
        expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
          path,
          403,
          'application/problem+json',
        ]);
        expect(await answer.json()).toMatchObject({
          code: 'forbidden',
          detail: expect.stringContaining('SHIFTWORK_TOKENS=') as string,
        });
      }
      expect((await fetch(`${outside}/health/live`)).status).toBe(200);
    } finally {
      await web.stop();
    }
  });

  it('whoever comes from outside is let in where the guards are the host’s', async () => {
    const env = { SHIFTWORK_TOKENS: '', HOST: '0.0.0.0' };
    const web = await Web.start(['web'], env, {
      create: CREATE['an app on Express'],
      http: { auth: 'host' },
    });
    try {
      const { port } = new URL(await web.app.getUrl());
      expect((await fetch(`http://${String(OUTSIDE)}:${port}/tasks`)).status).toBe(200);
    } finally {
      await web.stop();
    }
  });
});

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
