import { expect, it } from 'vitest';
import { isUnavailable } from '../../../src/postgres/index.js';
import { patientClient } from '../../../src/postgres/patient-client.js';
import { Proxy } from '../../support/proxy.js';
import { databaseUrl } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const NEVER_MS = 60_000;
const AT_ONCE_MS = 1;

async function connected(proxy: Proxy, limitMs: number) {
  const client = new (patientClient(limitMs))(proxy.url);
  client.on('error', () => undefined); // the question hears of it
  await client.connect();
  return client;
}

// Proven: with `query_timeout` of pg the connection stays open, and the next question waits behind this one.
it('gives up on a server that says nothing, and closes the connection', async () => {
  const proxy = await Proxy.to(databaseUrl());
  const client = await connected(proxy, AT_ONCE_MS);
  proxy.mute();
  const refused = await client.query('SELECT 1').catch((error: unknown) => error);
  expect(isUnavailable(refused)).toBe(true);
  await waitFor('the end of the connection', () => proxy.connections === 0);
  await proxy.close();
});

it('passes on what the server says, also of a statement that is wrong', async () => {
  const proxy = await Proxy.to(databaseUrl());
  const client = await connected(proxy, NEVER_MS);
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await expect(client.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
  expect((await client.query('SELECT $1::int AS two', [2])).rows).toEqual([{ two: 2 }]);
  await client.end();
  await proxy.close();
});
