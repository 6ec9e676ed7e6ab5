import { Pool } from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { onConnection } from '../../../src/postgres/on-connection.js';
import { isUnavailable } from '../../../src/postgres/index.js';
import { Proxy } from '../../support/proxy.js';
import { databaseUrl, query } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const NEVER_MS = 60_000;
const AT_ONCE_MS = 1;
let proxy: Proxy;
let pool: Pool;
beforeEach(async () => {
  proxy = await Proxy.to(databaseUrl());
  pool = new Pool({ connectionString: proxy.url, max: 1 });
  pool.on('error', () => undefined);
});
afterEach(async () => {
  await pool.end();
  await proxy.close();
});

const ask = (sql: string, limitMs = NEVER_MS) =>
  onConnection<{ rows: unknown[] }>(pool, limitMs, (client, done) => {
    client.query(sql, done);
  });

it('answers, and gives the connection back', async () => {
  const pid = 'SELECT pg_backend_pid() AS pid';
  const { rows } = await ask(pid);
  expect(rows).toEqual([{ pid: expect.any(Number) as number }]);
  expect((await ask(pid)).rows).toEqual(rows);
});

// Proven: with `release()` instead of `release(error)` the second question waits for the first one's minute.
it('gives up on an answer that does not come, and closes the connection, because nobody knows what it will say', async () => {
  const refused = await ask('SELECT pg_sleep(60)', AT_ONCE_MS).catch((error: unknown) => error);
  expect(isUnavailable(refused)).toBe(true);
  expect((await ask('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

// Proven: without the listener the process ends with an unhandled "error".
it('says so when the connection breaks under the question', async () => {
  await ask('SELECT 1');
  const broken = ask('SELECT pg_sleep(60)').catch((error: unknown) => error);
  await waitFor('the question to be under way', async () => {
    const asked = await query(`SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'`);
    return asked.length > 0;
  });
  proxy.cut();
  expect(isUnavailable(await broken)).toBe(true);
  expect((await ask('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

it('rejects with what the server says of a statement, which has nothing to do with the connection', async () => {
  const refused = await ask('SELECT nonsense').catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: '42703' });
  expect(isUnavailable(refused)).toBe(false);
});
