import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { type DevServer, deleteServerData, startPostgres, startRedis } from '../../src/dev/index.js';
import { openFolder } from './folders.js';

/** An APP_NAME nobody else has: it is the schema and the prefix of the Redis keys, so that it makes a world of its own. */
export function uniqueAppName(): string {
  return `t${randomBytes(8).toString('hex')}`;
}

/** The PostgreSQL of this test run. */
export function databaseUrl(): string {
  return fromEnvironment('DATABASE_URL');
}

/** The Redis of this test run. */
export function redisUrl(): string {
  return fromEnvironment('REDIS_URL');
}

/** What a role, a CLI call or a settings loader needs to live in the world of `appName`. */
export function environmentOf(appName: string): Record<string, string> {
  return { DATABASE_URL: databaseUrl(), REDIS_URL: redisUrl(), APP_NAME: appName };
}

/** Ends the world of `appName`: drops its schema and deletes its keys. Fine to call when there is nothing. */
export async function dropWorld(
  appName: string,
  urls: { database?: string; redis?: string } = {},
): Promise<void> {
  await Promise.all([dropSchema(appName, urls.database), deleteKeys(appName, urls.redis)]);
}

export async function dropSchema(appName: string, url = databaseUrl()): Promise<void> {
  await query(`drop schema if exists "${appName}" cascade`, [], url);
}

/** Every key of the app: Bull's begin with `{appName:`, our own with `appName:` or `{appName}`. */
export async function deleteKeys(appName: string, url = redisUrl()): Promise<void> {
  const redis = new Redis(url);
  try {
    for (const pattern of [`{${appName}:*`, `{${appName}}*`, `${appName}:*`]) {
      for await (const keys of redis.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<
        string[]
      >) {
        if (keys.length > 0) await redis.unlink(...keys);
      }
    }
  } finally {
    redis.disconnect();
  }
}

/** One statement on a connection of its own: for a look at the tables that owes nothing to the code under test. */
export async function query<Row extends object = Record<string, unknown>>(
  sql: string,
  parameters: unknown[] = [],
  url = databaseUrl(),
): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // the server may be stopped under us; the query itself says so
  await client.connect();
  try {
    return (await client.query<Row>(sql, parameters)).rows;
  } finally {
    await client.end();
  }
}

/** A server that this test may freeze, kill and restart. `dispose` ends it and deletes its data. */
export interface DedicatedServer extends DevServer {
  dispose(): Promise<void>;
}

export async function dedicatedPostgres(settings: Record<string, string> = {}): Promise<DedicatedServer> {
  return dedicated(async (dir) =>
    startPostgres({ dir, settings: { fsync: 'off', full_page_writes: 'off', ...settings } }),
  );
}

export async function dedicatedRedis(config: Record<string, string> = {}): Promise<DedicatedServer> {
  return dedicated(async (dir) => startRedis({ dir, config }));
}

async function dedicated(start: (dir: string) => Promise<DevServer>): Promise<DedicatedServer> {
  const dir = openFolder('server');
  const server = await start(dir);
  return Object.assign(server, {
    dispose: async (): Promise<void> => {
      await server.stop();
      deleteServerData(dir);
    },
  });
}

function fromEnvironment(name: string): string {
  const url = process.env[name];
  if (url === undefined)
    throw new Error(`${name} is missing: the global setup of vitest.config.ts provides it`);
  return url;
}
