import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DevServerError } from './dev-server-error.js';
import { REDIS_REMEDY, type RedisBinary, runs } from './redis-binary.js';
import { cachedRedis, redisCacheFolder } from './redis-cache.js';
import { canDownloadRedis, downloadRedis } from './redis-download.js';

const NAMES = ['redis-server', 'valkey-server', 'keydb-server'];

/**
 * A real Redis server for this machine, the first of: REDIS_SERVER_BIN; redis-server, valkey-server or keydb-server
 * on the PATH; a copy fetched earlier; on Debian and Ubuntu the distribution's own package, fetched and unpacked into the
 * user's cache without root rights (REDIS_DOWNLOAD=0 forbids that). There is no imitation of Redis at the end of the list.
 */
export async function findRedisBinary(
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<RedisBinary> {
  const named = env.REDIS_SERVER_BIN;
  if (named !== undefined && named !== '')
    return checked({ command: named, libraries: [], origin: 'REDIS_SERVER_BIN' });
  return onPath(env.PATH ?? '') ?? cachedRedis(redisCacheFolder(env)) ?? (await fetched(env, say));
}

function checked(binary: RedisBinary): RedisBinary {
  if (runs(binary)) return binary;
  throw new DevServerError(`${binary.command} (${binary.origin}) does not run. ${REDIS_REMEDY}`);
}

function onPath(path: string): RedisBinary | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  const files = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return files
    .map((command) => ({ command, libraries: [], origin: 'PATH' }))
    .find((it) => isExecutable(it.command) && runs(it));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not there
  }
}

async function fetched(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<RedisBinary> {
  if (env.REDIS_DOWNLOAD === '0')
    throw new DevServerError(`No Redis here, and REDIS_DOWNLOAD=0. ${REDIS_REMEDY}`);
  if (!canDownloadRedis(env)) throw new DevServerError(`No Redis here. ${REDIS_REMEDY}`);
  const cache = redisCacheFolder(env);
  say(
    `No Redis on the PATH: fetching the distribution's package into ${cache} (once, no root rights needed)`,
  );
  await downloadRedis(cache, env);
  const binary = cachedRedis(cache);
  if (binary !== undefined) return binary;
  throw new DevServerError(`The Redis fetched into ${cache} does not run on this machine. ${REDIS_REMEDY}`);
}
