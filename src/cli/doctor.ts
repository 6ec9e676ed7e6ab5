import { RollCall } from '../fleet/index.js';
import { check, messageOf, UnavailableError, type Check } from '../foundation/index.js';
import { checkPostgres, checkSkew, Postgres } from '../postgres/index.js';
import { checkRedis, RedisClients } from '../redis/index.js';
import { checkFleet } from './fleet-checks.js';
import type { Rooms } from './action.js';
import { redisTrouble } from './redis-away.js';

export interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** What a server's checks found, and whether it could be asked at all. */
interface Findings {
  readonly checks: readonly Check[];
  readonly isReachable: boolean;
}

/** Runs every room's checks; those of a server that is away are left out, with a check that says so. */
export async function diagnose(rooms: Rooms): Promise<Diagnosis & { isReachable: boolean }> {
  const redis = await unlessAway('redis', 'REDIS_URL', () => redisChecks(rooms));
  const postgres = await unlessAway('postgres', 'DATABASE_URL', async () =>
    checkPostgres(rooms.get(Postgres), rooms.settings, redis.isReachable ? await aliveNow(rooms) : null),
  );
  const isReachable = redis.isReachable && postgres.isReachable;
  const isMigrated = postgres.checks.some((each) => each.name === 'postgres-migrations' && each.ok);
  const fleet = isReachable && isMigrated ? await checkFleet(rooms) : [];
  const checks = [...postgres.checks, ...redis.checks, ...fleet];
  return { ok: checks.every((each) => each.ok), checks, isReachable };
}

async function redisChecks(rooms: Rooms): Promise<readonly Check[]> {
  const trouble = await redisTrouble(rooms);
  if (trouble !== null) throw trouble;
  const { checks, skewMs } = await checkRedis(rooms.get(RedisClients), rooms.settings);
  return [...checks, checkSkew('redis-clock', 'Redis', skewMs)];
}

async function aliveNow(rooms: Rooms): Promise<number> {
  return (await rooms.get(RollCall).live()).length;
}

async function unlessAway(
  name: string,
  variable: string,
  look: () => Promise<readonly Check[]>,
): Promise<Findings> {
  try {
    return { checks: await look(), isReachable: true };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return {
      checks: [
        check(
          name,
          false,
          messageOf(error),
          `Is ${variable} right, and does a firewall let this machine through?`,
        ),
      ],
      isReachable: false,
    };
  }
}
