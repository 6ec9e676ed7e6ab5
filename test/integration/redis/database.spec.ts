import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDispatch, entry } from '../../support/dispatch.js';
import { openMember } from '../../support/fleet.js';
import { killLeftovers, startProgram } from '../../support/processes.js';
import { Proxy } from '../../support/proxy.js';
import { type DedicatedServer, dedicatedRedis, dropSchema, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

let small: DedicatedServer;
let other: DedicatedServer;
beforeEach(async () => {
  [small, other] = await Promise.all([dedicatedRedis({ databases: '2' }), dedicatedRedis()]);
});
afterEach(async () => {
  await killLeftovers();
  await Promise.all([small.dispose(), other.dispose()]);
});

async function keysOf(server: DedicatedServer): Promise<string> {
  const redis = new Redis(server.url);
  const keyspace = await redis.info('keyspace');
  redis.disconnect();
  return keyspace.replace('# Keyspace', '').trim();
}

describe('a database that Redis does not have', () => {
  it.each(['worker', 'web'])(
    'is refused by a %s at its boot, and nothing is written elsewhere',
    async (role) => {
      const appName = uniqueAppName();
      const refused = startProgram('test/support/test-app.js', [role], {
        appName,
        env: { REDIS_URL: new URL('/9', small.url).href, PORT: '0' },
      });
      const { error } = await refused.waitForEvent('process.bootFailed');
      expect(error).toMatch(/REDIS_URL names the database 9.*DB index is out of range/);
      expect(await refused.waitForExit()).toEqual({ code: 2, signal: null });
      expect(await keysOf(small)).toBe('');
      await dropSchema(appName);
    },
  );

  // Proven: without `isRefusedSelect` in reconnection.ts the put goes into database 0 of the server with two.
  it('is not taken for another one after a fail-over', async () => {
    const proxy = await Proxy.to(other.url);
    const world = await openDispatch({ REDIS_URL: new URL('/9', proxy.url).href });
    const told: unknown[] = [];
    world.telemetry.addSink(({ name, fields }) => {
      if (name === 'redis.unavailable') told.push(fields['error']);
    });
    await world.dispatcher.put([entry()]);
    proxy.leadTo(small.url);
    proxy.cut();
    await waitFor('the word of it', () => told.some((each) => String(each).includes('DB index')));
    await expect(world.dispatcher.put([entry()])).rejects.toThrow();
    expect(await keysOf(small)).toBe('');
    proxy.leadTo(other.url);
    await waitFor('a put', () => world.dispatcher.put([entry()]).then(() => true), { deadlineMs: 10_000 });
    await world.close();
    await proxy.close();
  });

  // Proven: without `isAstray` in RedisPulse it beats in database 0 of the server with two.
  it('is not where the heart beats', async () => {
    const appName = uniqueAppName();
    const proxy = await Proxy.to(other.url);
    const member = await openMember(appName, { REDIS_URL: new URL('/9', proxy.url).href });
    await member.join();
    const beatAt = async (): Promise<string | undefined> =>
      (
        await member.postgres.query<{ at: string }>({
          text: 'SELECT beat_at::text AS at FROM shiftwork.process',
        })
      )[0]?.at;
    const before = await beatAt();
    proxy.leadTo(small.url);
    proxy.cut();
    await waitFor('a beat in the ledger', async () => (await beatAt()) !== before, { deadlineMs: 10_000 });
    expect(await keysOf(small)).toBe('');
    await member.close();
    await proxy.close();
    await dropSchema(appName);
  });
});
