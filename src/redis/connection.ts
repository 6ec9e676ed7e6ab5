import { Redis, type RedisOptions } from 'ioredis';
import type { Settings } from '../config/index.js';
import { SECOND } from '../foundation/index.js';
import { reconnection } from './reconnection.js';

/** What a connection is for. Each purpose has its own idea of waiting. */
export type Purpose = 'command' | 'blocking' | 'subscriber';

/**
 * Options of a connection, which comes back by itself: see `reconnection`.
 * - command: fails fast. A command that gets no answer within 3 s is given up (it may still be executed: everything we
 *   send can be repeated), and while Redis is away commands are refused at once.
 * - blocking and subscriber: wait as long as it takes; a command timeout would end their blocking reads.
 */
export function connectionOptionsOf(settings: Settings, purpose: Purpose): RedisOptions {
  const common: RedisOptions = {
    connectionName: `${settings.appName}:${purpose}`,
    ...reconnection(),
    connectTimeout: 2 * SECOND,
    keepAlive: 10 * SECOND,
    enableReadyCheck: purpose === 'command',
    lazyConnect: true,
    ...(settings.redisTls === 'off' ? {} : { tls: { rejectUnauthorized: settings.redisTls === 'verify' } }),
  };
  if (purpose === 'command')
    return { ...common, commandTimeout: 3 * SECOND, maxRetriesPerRequest: 1, enableOfflineQueue: false };
  return { ...common, maxRetriesPerRequest: null };
}

/** Opens a connection; it goes on trying in the background while Redis is away. */
export function openRedis(settings: Settings, purpose: Purpose): Redis {
  const client = new Redis(settings.redisUrl, connectionOptionsOf(settings, purpose));
  client.setMaxListeners(0);
  return client;
}
