import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dedicatedPostgres, dedicatedRedis } from '../support/servers.js';
import { World } from '../support/world.js';
import { waitFor } from '../support/wait.js';

// Servers of our own: whatever they are asked, they are asked by this fleet.
let postgres: Awaited<ReturnType<typeof dedicatedPostgres>>;
let redis: Awaited<ReturnType<typeof dedicatedRedis>>;
let client: Redis;
let world: World;
beforeAll(async () => {
  [postgres, redis] = await Promise.all([dedicatedPostgres(), dedicatedRedis()]);
  client = new Redis(redis.url);
  world = new World({ DATABASE_URL: postgres.url, REDIS_URL: redis.url, QUEUES: 'default:4' });
  await Promise.all([world.web(), world.role('worker'), world.role('clock')]);
});
afterAll(async () => {
  client.disconnect();
  await world.end();
  await Promise.all([postgres.dispose(), redis.dispose()]);
});

// A statement of a session shows as a new query_start; the connections of the test itself have no application name.
async function lastQueryAt(): Promise<number> {
  const [row] = await world.rows<{ at: Date | null }>(
    `SELECT max(query_start) AS at FROM pg_stat_activity WHERE application_name LIKE '${world.appName}%'`,
  );
  return row?.at?.getTime() ?? 0;
}

async function redisCalls(): Promise<Map<string, number>> {
  const calls = new Map<string, number>();
  for (const [, command, n] of (await client.info('commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+)/g))
    calls.set(command ?? '', Number(n));
  return calls;
}

describe('invariant 10: idle costs nothing worth naming', () => {
  it(
    'asks PostgreSQL nothing for twenty seconds, and Redis only for its beats',
    { timeout: 150_000 },
    async () => {
      await world.ended((await world.enqueue('test.noop')).id);
      // The fleet's chores come once in 75 s, whoever does them: the window of silence lies between two of them.
      const quietMs = 20_000;
      await waitFor(
        'twenty seconds without a query',
        async () => Date.now() - (await lastQueryAt()) > quietMs,
        { deadlineMs: 120_000 },
      );

      const before = await redisCalls();
      const from = Date.now();
      await waitFor('some beats of Redis to be counted', () => Date.now() - from > 6_000, {
        deadlineMs: 20_000,
      });
      const after = await redisCalls();
      const during = (command: string): number => (after.get(command) ?? 0) - (before.get(command) ?? 0);
      // Four a queue and minute: in six seconds at most one new blocking read, and nothing that fetches.
      expect(during('blpop')).toBeLessThanOrEqual(1);
      expect(during('llen') + during('rpop') + during('zpopmin') + during('brpoplpush')).toBeLessThanOrEqual(
        2,
      );
    },
  );
});
