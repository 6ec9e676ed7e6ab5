import { SECOND, UnavailableError } from '../foundation/index.js';
import { RedisClients } from '../redis/index.js';
import type { Rooms } from './action.js';

/** A person at a terminal waits this long for Redis, not longer. */
const LIMIT_MS = 3 * SECOND;

/** Redis is away. Unlike in REST, whoever reads this has the settings: they hear which server, and why. */
export class RedisAwayError extends UnavailableError {
  readonly code = 'redis-unavailable';
}

/** Resolves when Redis is there, with null, or with what is wrong when it has not come in time. */
export async function redisTrouble(rooms: Rooms): Promise<RedisAwayError | null> {
  const clients = rooms.get(RedisClients);
  if (await clients.untilReady(LIMIT_MS)) return null;
  // Never the whole URL: it may hold a password.
  const { host } = new URL(rooms.settings.redisUrl);
  const reason = clients.trouble ?? `no answer within ${String(LIMIT_MS / SECOND)} s`;
  return new RedisAwayError(`Redis (${host}) cannot be reached: ${reason}.`);
}
