import { spawnSync } from 'node:child_process';
import { delimiter } from 'node:path';

export interface RedisBinary {
  command: string;
  /** Folders of shared libraries that came with it. */
  libraries: string[];
  /** For people: where it was found. */
  origin: string;
}

/** What to do on a machine without Redis. */
export const REDIS_REMEDY =
  'Set REDIS_URL=redis://host:6379, or REDIS_SERVER_BIN=/path/to/redis-server, or install one: ' +
  'apt install redis-server | brew install redis | docker run -p 6379:6379 redis:7';

/** The environment in which the binary finds its libraries. */
export function redisEnvironment(binary: RedisBinary, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (binary.libraries.length === 0) return env;
  const already = env.LD_LIBRARY_PATH === undefined ? [] : [env.LD_LIBRARY_PATH];
  return { ...env, LD_LIBRARY_PATH: [...binary.libraries, ...already].join(delimiter) };
}

/** True when the program starts and names its version. */
export function runs(binary: RedisBinary): boolean {
  return (
    spawnSync(binary.command, ['--version'], { env: redisEnvironment(binary, process.env), stdio: 'ignore' })
      .status === 0
  );
}
