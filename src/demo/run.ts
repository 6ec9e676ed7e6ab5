import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { nextFreePort, startDevServers, wantedPort } from '../dev/index.js';
import { chapter, say } from './run/board.js';
import { Fleet } from './run/fleet.js';
import { Rest } from './run/rest.js';
import { tell } from './run/story.js';
import { waitUntil } from './run/wait-until.js';

/*
 * `npm run demo`: PostgreSQL and Redis (unless DATABASE_URL and REDIS_URL name some), web, worker and clock as separate
 * processes, real work by REST, a deploy in the middle of it, and a drain. Then it stays up until Ctrl-C; with `-- --once` it
 * ends, with exit code 0 only if all of it happened as promised.
 */

const ROOT = path.join(import.meta.dirname, '../..');
const HOME = path.join(ROOT, '.shiftwork');
const SECRET = 'the-demo-signs-with-this';
const GRACE_MS = 30_000;

const once = process.argv.includes('--once');
const asked = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    asked.abort(new Error(`stopped by ${signal}`));
  });

try {
  await demo();
} catch (error) {
  process.exitCode = asked.signal.aborted ? 130 : 1;
  chapter(
    asked.signal.aborted
      ? 'Stopped.'
      : `The demo failed: ${error instanceof Error ? error.message : String(error)}`,
  );
}

async function demo(): Promise<void> {
  if (existsSync(path.join(ROOT, '.env'))) process.loadEnvFile(path.join(ROOT, '.env'));
  chapter('Starting PostgreSQL, Redis, web, worker and clock');
  const servers = await startDevServers({
    dir: HOME,
    log: say,
    postgresUrl: process.env.DATABASE_URL,
    redisUrl: process.env.REDIS_URL,
  });
  try {
    const port = await nextFreePort(wantedPort(process.env.PORT));
    await onStage(port, environment(port, servers.databaseUrl, servers.redisUrl));
  } finally {
    await servers.stop();
    if (servers.started.length > 0)
      say(`${servers.started.join(' and ')} stopped; data is kept in ${path.relative(process.cwd(), HOME)}`);
  }
}

async function onStage(port: number, env: NodeJS.ProcessEnv): Promise<void> {
  const fleet = new Fleet(ROOT, env, path.join(HOME, 'demo.log'), asked.signal);
  const rest = new Rest(`http://127.0.0.1:${String(port)}`);
  try {
    const migrated = await fleet.cli('migrate');
    if (migrated.how !== 'exit code 0')
      throw new Error(`shiftwork migrate ended with ${migrated.how}: ${migrated.lines.join('\n')}`);
    fleet.start('web');
    fleet.start('clock');
    const worker = fleet.start('worker');
    await waitUntil('the web and the worker to be ready', async () => {
      asked.signal.throwIfAborted();
      return (await rest.isReady()) && (await rest.workers()) > 0;
    });
    say(`${rest.base} answers; the log of all processes: ${path.relative(process.cwd(), fleet.logFile)}`);
    await tell({ rest, fleet, worker, secret: SECRET, signal: asked.signal });
    if (!once) await stayUp(rest.base);
  } finally {
    await fleet.stop(GRACE_MS);
  }
}

async function stayUp(base: string): Promise<void> {
  chapter('It stays up until Ctrl-C. Try:');
  say(`${base}/docs      the API`);
  say(`${base}/tasks     the tasks of this demo`);
  say(
    `curl -s ${base}/jobs/images.thumbnail -H 'content-type: application/json' -d '{"payload": {"source": "rocket.jpg", "widths": [200]}}'`,
  );
  await new Promise<void>((resolve) => {
    if (asked.signal.aborted) resolve();
    asked.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  chapter('Stopping: the web first, the worker last');
}

function environment(port: number, databaseUrl: string, redisUrl: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REDIS_PROVIDER: '', // REDIS_URL is the one that we looked at
    PORT: String(port),
    STORAGE_DIR: freshStorage(),
    DATA_DIR: path.join(HOME, 'data'),
    QUEUES: 'high:4,default:8,low:1',
    RELEASE: `demo-${String(Date.now())}`, // a hold that an earlier demo left behind is not for us
    SHIFTWORK_TOKENS: '', // on this machine only, and everybody there is an admin
    NODE_ENV: 'development',
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_ALLOW_PRIVATE: '1', // the receiver of the demo is on this machine
  };
}

/** A copy of samples/, without what an earlier demo made of it. */
function freshStorage(): string {
  const storage = path.join(HOME, 'demo-storage');
  rmSync(storage, { recursive: true, force: true });
  mkdirSync(storage, { recursive: true });
  const samples = path.join(ROOT, 'samples');
  for (const file of readdirSync(samples))
    if (file !== 'README.md') cpSync(path.join(samples, file), path.join(storage, file));
  return storage;
}
