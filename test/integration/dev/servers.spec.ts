import { Redis } from 'ioredis';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { deleteServerData, startDevServers } from '../../../src/dev/index.js';
import { openFolder } from '../../support/folders.js';
import {
  type DedicatedServer,
  databaseUrl,
  dedicatedPostgres,
  dedicatedRedis,
  query,
  redisUrl,
} from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const open: DedicatedServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map(async (server) => server.dispose()));
});

async function setup<T extends DedicatedServer>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  open.push(server);
  return server;
}

describe('the servers of the test run', () => {
  it('is a real PostgreSQL that is nobody else’s', async () => {
    const [row] = await query<{ answer: number }>('select 41 + 1 as answer', [], databaseUrl());
    expect(row?.answer).toBe(42);
  });

  it('is a real Redis that evicts nothing', async () => {
    const redis = new Redis(redisUrl());
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    redis.disconnect();
  });
});

it('are started also where a URL is there and empty, as in a .env that nobody filled in', async () => {
  const dir = openFolder('dev');
  const servers = await startDevServers({ dir, postgresUrl: databaseUrl(), redisUrl: ' ' });
  onTestFinished(async () => {
    await servers.stop();
    deleteServerData(dir);
  });
  expect(servers).toMatchObject({ started: ['Redis'], databaseUrl: databaseUrl() });
  const redis = new Redis(servers.redisUrl);
  expect(await redis.ping()).toBe('PONG');
  redis.disconnect();
});

describe('a dedicated PostgreSQL', { timeout: 90_000 }, () => {
  it('keeps its data and its port over a kill -9 and a restart', async () => {
    const server = await setup(dedicatedPostgres());
    const port = server.port;
    await query('create table kept (n int)', [], server.url);
    await query('insert into kept values (7)', [], server.url);

    await server.kill('SIGKILL');
    await server.restart();

    expect(server.port).toBe(port);
    expect(await query('select n from kept', [], server.url)).toEqual([{ n: 7 }]);
  });

  it('answers nobody while it is frozen, and everybody afterwards', async () => {
    const server = await setup(dedicatedPostgres());
    await server.kill('SIGSTOP');
    let answered = false;
    const asked = query('select 1 as n', [], server.url).then((rows) => {
      answered = true;
      return rows;
    });
    await waitFor('the frozen server to be seen as stopped', async () =>
      /^\S+ \(.*\) T /.test(await stat(server.pid)),
    );
    expect(answered).toBe(false);

    await server.kill('SIGCONT');

    expect(await asked).toEqual([{ n: 1 }]);
  });
});

describe('a dedicated Redis', () => {
  it('keeps its data and its port over a kill -9 and a restart', async () => {
    const server = await setup(dedicatedRedis());
    const redis = new Redis(server.url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    redis.on('error', () => undefined);
    await redis.set('kept', 'yes');

    await server.kill('SIGKILL');
    await server.restart();

    expect(await redis.get('kept')).toBe('yes');
    redis.disconnect();
  });
});

async function stat(pid: number): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(`/proc/${String(pid)}/stat`, 'utf8');
}
