import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const OPTIONS = {
  cwd: HERE,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
};
const LOOK_EVERY_MS = 20;

const DEBIAN = {
  sidekiq: '/usr/bin/sidekiq',
  celery: '/usr/lib/python3/dist-packages/celery',
  rq: '/usr/lib/python3/dist-packages/rq',
};

/** Contenders in other languages. */
export const FOREIGN = Object.keys(DEBIAN);

/** Those whose Debian package (ruby-sidekiq, python3-celery, python3-rq) is installed. */
export const installedForeign = () => FOREIGN.filter((name) => existsSync(DEBIAN[name]));

/** The Python that Debian's packages belong to, whatever else is first on the PATH. */
export const PYTHON = '/usr/bin/python3';

/**
 * A contender in another language, from Debian's packages: its own worker, its own producer. How many tasks are done is seen
 * from outside, by the length of its list, so that counting costs it nothing.
 */
export async function foreign(role, { list, worker, produce }) {
  const redis = new Redis(process.env.REDIS_URL);
  if (role === 'web') return { addMany: (payloads) => produce(payloads, redis) };
  const total = await redis.llen(list);
  const timeline = [];
  const child = spawn(worker[0], worker.slice(1), OPTIONS);
  const look = setInterval(async () => {
    const done = total - (await redis.llen(list));
    if (done > (timeline.at(-1)?.[1] ?? 0)) timeline.push([performance.timeOrigin + performance.now(), done]);
  }, LOOK_EVERY_MS);
  process.once('SIGTERM', () => {
    clearInterval(look);
    child.once('exit', () => process.exit());
    child.kill('SIGTERM');
  });
  child.once('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  return { progress: () => ({ done: timeline.at(-1)?.[1] ?? 0, timeline }) };
}

/** Runs a program of this folder to its end. */
export async function run(...command) {
  const child = spawn(command[0], command.slice(1), OPTIONS);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${String(code)}`);
}
