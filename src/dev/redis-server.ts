import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { poll } from './poll.js';
import { findRedisBinary } from './find-redis.js';
import { type RedisBinary, redisEnvironment } from './redis-binary.js';
import { RunRecord } from './run-record.js';
import { RunningServer, type DevServer } from './running-server.js';
import { ServerProcess } from './server-process.js';

export interface RedisOptions {
  /** Folder for data, configuration and log; made when missing, kept afterwards. */
  dir: string;
  /** Port on 127.0.0.1; a free one by default. */
  port?: number | undefined;
  /** Lines of redis.conf, for example `{ 'maxmemory': '20mb' }`; they win over ours. */
  config?: Readonly<Record<string, string>> | undefined;
  /** Hears which server is used. */
  log?: ((line: string) => void) | undefined;
}

const START_WITHIN_MS = 30_000;
const STOP_SIGNAL = 'SIGTERM';

/**
 * Starts a real Redis on 127.0.0.1 with persistence, as Shiftwork wants it (`appendonly yes`, `noeviction`). Resolves when it
 * answers. `findRedisBinary` says where the server comes from. A server that a killed run left in the folder is
 * ended first; data of earlier runs is kept.
 */
export async function startRedis(options: RedisOptions): Promise<DevServer> {
  const dir = resolve(options.dir);
  const data = join(dir, 'redis');
  mkdirSync(data, { recursive: true });
  const say = options.log ?? (() => undefined);
  const binary = await findRedisBinary(process.env, say);
  say(`Redis: ${binary.command} (${binary.origin})`);
  return RunningServer.start({
    url: (port) => `redis://127.0.0.1:${String(port)}/0`,
    port: options.port,
    record: new RunRecord('Redis', dir, STOP_SIGNAL),
    boot: async (port) =>
      boot(dir, data, binary, { ...CONFIG, ...options.config, port: String(port), dir: data }),
  });
}

const CONFIG = {
  bind: '127.0.0.1',
  daemonize: 'no',
  'maxmemory-policy': 'noeviction', // an evicted key is a lost dispatch
  appendonly: 'yes',
  save: '',
  maxclients: '2000',
};

async function boot(
  dir: string,
  data: string,
  binary: RedisBinary,
  config: Readonly<Record<string, string>>,
): Promise<ServerProcess> {
  const file = join(dir, 'redis.conf');
  const lines = Object.entries(config).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  const server = ServerProcess.launch({
    name: 'Redis',
    command: binary.command,
    args: [file],
    env: redisEnvironment(binary, process.env),
    cwd: data,
    logFile: join(dir, 'redis.log'),
    stopSignal: STOP_SIGNAL,
  });
  await ready(server, Number(config.port));
  return server;
}

async function ready(server: ServerProcess, port: number): Promise<void> {
  const state = await poll(async () => server.end ?? (await answering(port, server.pid)), START_WITHIN_MS);
  if (state === 'ready') return;
  const error = server.failure(
    state === undefined ? `did not answer within ${String(START_WITHIN_MS)} ms` : 'ended while starting',
  );
  await server.stop(0);
  throw error;
}

/** It has read its data, and it is ours: somebody else's server on the same port has another pid. */
async function answering(port: number, pid: number): Promise<'ready' | undefined> {
  const info = await ask(port, 'INFO\r\n', 500);
  return info.includes(`process_id:${String(pid)}\r`) && info.includes('loading:0\r') ? 'ready' : undefined;
}

/** One inline command, and what came back until the server was silent or the answer complete. */
async function ask(port: number, command: string, withinMs: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(`${command}QUIT\r\n`));
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(withinMs, done);
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.once('error', done).once('close', done);
  });
}

/** Deletes what a stopped server has stored in `dir`: the next start finds an empty Redis. */
export function eraseRedisData(dir: string): void {
  rmSync(join(resolve(dir), 'redis'), { recursive: true, force: true });
}
