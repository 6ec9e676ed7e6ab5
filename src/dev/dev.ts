import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../foundation/index.js';
import { DevRun } from './dev-run.js';
import { startDevServers } from './dev-servers.js';
import { nextFreePort, wantedPort } from './free-port.js';
import { Output } from './output.js';

/*
 * `npm run dev`: PostgreSQL and Redis (unless DATABASE_URL and REDIS_URL name some), the compiler in watch mode, and one process
 * of each role, restarted after every compile that found no errors and changed something. Ctrl-C ends all of it, the roles
 * first and the servers last; a second Ctrl-C does not wait.
 */

const ROOT = join(import.meta.dirname, '../..');
const HOME = join(ROOT, '.shiftwork');

const output = new Output();
const say = (line: string): void => {
  output.line('dev', line);
};

try {
  await dev();
} catch (error) {
  say(messageOf(error));
  process.exitCode = 1;
}

async function dev(): Promise<void> {
  if (existsSync(join(ROOT, '.env'))) process.loadEnvFile(join(ROOT, '.env'));
  const asked = signalled();
  const servers = await startDevServers({
    dir: HOME,
    log: say,
    postgresUrl: process.env.DATABASE_URL,
    redisUrl: process.env.REDIS_URL,
  });
  try {
    await roles(await environment(servers), asked);
  } finally {
    await servers.stop();
    if (servers.started.length > 0) say(`${servers.started.join(' and ')} stopped; data is kept in ${HOME}`);
  }
}

async function roles(env: NodeJS.ProcessEnv, asked: Promise<string>): Promise<void> {
  const run = new DevRun({ root: ROOT, env, print: output.line });
  await run.start();
  say(`http://localhost:${env.PORT ?? ''} answers soon, dashboard at /admin. Ctrl-C stops everything.`);
  say(`${await asked}: stopping`);
  process.on('SIGINT', () => {
    run.kill();
  });
  await run.stop();
}

/** Resolves with the first signal that asks us to stop. Listening from the start, so that none of them just ends us. */
async function signalled(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
  });
}

async function environment(servers: { databaseUrl: string; redisUrl: string }): Promise<NodeJS.ProcessEnv> {
  const storage = storageWithSamples();
  const data = join(HOME, 'data');
  mkdirSync(data, { recursive: true });
  const wanted = wantedPort(process.env.PORT);
  const port = await nextFreePort(wanted);
  if (port !== wanted) say(`Port ${String(wanted)} is taken: the web listens on ${String(port)}`);
  return {
    RELEASE: 'dev',
    STORAGE_DIR: storage,
    DATA_DIR: data,
    ...process.env,
    PORT: String(port),
    DATABASE_URL: servers.databaseUrl,
    REDIS_URL: servers.redisUrl,
  };
}

/** Kept from run to run; the first one finds the samples in it. */
function storageWithSamples(): string {
  const storage = join(HOME, 'storage');
  const samples = join(ROOT, 'samples');
  if (!existsSync(storage) && existsSync(samples)) cpSync(samples, storage, { recursive: true });
  mkdirSync(storage, { recursive: true });
  return storage;
}
