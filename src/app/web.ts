import type { DynamicModule, INestApplication, LoggerService, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Settings } from '../config/index.js';
import { FASTIFY_OPTIONS, prepareWeb } from '../http/index.js';
import type { Telemetry } from '../telemetry/index.js';

/** The web of Shiftwork out of a module that imports `HttpModule`. Not initialised, not listening. */
export async function createWebApp(
  module: Type | DynamicModule,
  logger: LoggerService | false,
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(FASTIFY_OPTIONS), {
    logger,
    bodyParser: false, // ours are in the hooks
    abortOnError: false,
    // Requests in flight are finished (the drain has ended what would not end by itself), idle connections are closed.
    forceCloseConnections: false,
  });
  prepareWeb(app);
  return app;
}

/** Listens where the settings say. Answers the URL for people. */
export async function listen(
  app: INestApplication,
  settings: Settings,
  telemetry: Telemetry,
): Promise<string> {
  await bind(app, settings.port, settings.host);
  const url = readable(await app.getUrl());
  telemetry.emit('process.listening', { url });
  return url;
}

// "::" takes IPv4 as well, and is what IPv6-only platforms need; a container without IPv6 has no such address.
async function bind(app: INestApplication, port: number, host: string): Promise<void> {
  try {
    await app.listen(port, host);
  } catch (error) {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (host !== '::' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
    await app.listen(port, '0.0.0.0');
  }
}

function readable(url: string): string {
  return url.replace('[::1]', 'localhost').replace('[::]', 'localhost').replace('0.0.0.0', 'localhost');
}
