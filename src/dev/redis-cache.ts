import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type RedisBinary, runs } from './redis-binary.js';

/** Where a fetched Redis stays, for all checkouts of this user. */
export function redisCacheFolder(env: NodeJS.ProcessEnv): string {
  const caches = env.XDG_CACHE_HOME;
  return join(
    caches === undefined || caches === '' ? join(homedir(), '.cache') : caches,
    'shiftwork',
    'redis',
  );
}

/** The Redis fetched earlier, if there is one and it still runs (a new release of the system may have ended that). */
export function cachedRedis(cache: string): RedisBinary | undefined {
  return ['redis-server', 'valkey-server']
    .map((name) => join(cache, 'usr', 'bin', name))
    .filter((command) => existsSync(command))
    .map((command) => ({ command, libraries: librariesIn(cache), origin: cache }))
    .find(runs);
}

/**
 * Puts a complete new copy in its place, by rename: nobody ever sees half of one. Of two processes that fetch at the
 * same time the second finds a copy that runs, and drops its own.
 */
export function installIntoCache(fresh: string, cache: string): void {
  mkdirSync(dirname(cache), { recursive: true });
  for (;;) {
    try {
      renameSync(fresh, cache);
      return;
    } catch (error) {
      if (!existsSync(cache)) throw error;
    }
    if (cachedRedis(cache) !== undefined) return;
    setAside(cache);
  }
}

/** A copy that no longer runs makes room; somebody else may have moved it already. */
function setAside(cache: string): void {
  const old = `${cache}.old-${String(process.pid)}`;
  try {
    renameSync(cache, old);
  } catch {
    return; // moved by somebody else: the next round finds the place free or taken
  }
  rmSync(old, { recursive: true, force: true });
}

function librariesIn(cache: string): string[] {
  return ['lib', join('usr', 'lib')]
    .map((folder) => join(cache, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [folder, ...readdirSync(folder).map((name) => join(folder, name))])
    .filter(holdsLibraries);
}

function holdsLibraries(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.includes('.so'));
  } catch {
    return false; // a file, or a link that leads nowhere
  }
}
