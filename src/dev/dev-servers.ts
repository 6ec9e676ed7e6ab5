import type { DevServer } from './running-server.js';
import { startPostgres } from './postgres-server.js';
import { startRedis } from './redis-server.js';

export interface DevServersOptions {
  /** Folder for the data of the servers that are started; kept from run to run. */
  dir: string;
  /** Hears one line about each thing that happens. */
  log?: ((line: string) => void) | undefined;
  /** A PostgreSQL that is already there: then none is started. */
  postgresUrl?: string | undefined;
  /** A Redis that is already there: then none is started. */
  redisUrl?: string | undefined;
  /** Lines of postgresql.conf for the server that is started. */
  postgresSettings?: Readonly<Record<string, string>> | undefined;
}

export interface DevServers {
  databaseUrl: string;
  redisUrl: string;
  /** What was started here: `PostgreSQL`, `Redis`. */
  started: string[];
  /** Ends what was started here; data stays. Calling it again does nothing. */
  stop(): Promise<void>;
}

/**
 * A real PostgreSQL and a real Redis, started side by side, each only if its URL is absent. Resolves when both answer; if one
 * of them cannot be started the other is stopped again. They also end when this process does, however it ends.
 */
export async function startDevServers(options: DevServersOptions): Promise<DevServers> {
  const say = options.log ?? (() => undefined);
  const outcomes = await Promise.allSettled([
    given(options.postgresUrl) ?? startPostgres({ dir: options.dir, settings: options.postgresSettings }),
    given(options.redisUrl) ?? startRedis({ dir: options.dir, log: say }),
  ]);
  const servers = outcomes.map((it) => (it.status === 'fulfilled' ? it.value : undefined)).filter(isServer);
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map(async (server) => server.stop()));
  };
  const [postgres, redis] = outcomes;
  if (postgres.status === 'rejected') return stop().then(() => Promise.reject(postgres.reason as Error)); // thrown by us
  if (redis.status === 'rejected') return stop().then(() => Promise.reject(redis.reason as Error)); // thrown by us
  const started = [...note('PostgreSQL', postgres.value, say), ...note('Redis', redis.value, say)];
  return { databaseUrl: urlOf(postgres.value), redisUrl: urlOf(redis.value), started, stop };
}

/** An empty variable is no URL. */
function given(text: string | undefined): string | undefined {
  return text?.trim() === '' ? undefined : text;
}

function isServer(value: string | DevServer | undefined): value is DevServer {
  return typeof value === 'object';
}

function urlOf(value: string | DevServer): string {
  return typeof value === 'string' ? value : value.url;
}

function note(name: string, value: string | DevServer, say: (line: string) => void): string[] {
  if (typeof value === 'string') return [];
  say(`${name} started: ${value.url} (process ${String(value.pid)})`);
  return [name];
}
