import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { deleteServerData, startPostgres, startRedis } from '../../../src/dev/index.js';
import { childrenOf, commandLineOf, identityOf } from '../../../src/dev/process-identity.js';
import { openFolder } from '../../support/folders.js';
import { type LogLine, RunningProcess, killLeftovers } from '../../support/processes.js';
import { query } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const FIXTURE = 'test/integration/dev/start-servers.fixture.js';
const isRoot = process.getuid?.() === 0;
const clean: (() => void)[] = [];

afterEach(async () => {
  await killLeftovers();
  for (const cleanUp of clean.splice(0)) cleanUp();
});

function folder(): string {
  const dir = openFolder('dev');
  clean.push(() => deleteServerData(dir));
  return dir;
}

interface Up extends LogLine {
  postgres: { pid: number; url: string };
  redis: { pid: number; url: string };
}

async function setup(dir = folder()): Promise<{ dir: string; starter: RunningProcess; up: Up }> {
  const starter = new RunningProcess(FIXTURE, [dir], process.env);
  const up = (await starter.waitForEvent('up', {}, 75_000)) as Up; // the fixture prints it in this shape
  return { dir, starter, up };
}

function isOpenToOthers(dir: string): boolean {
  return (statSync(dir).mode & 0o001) !== 0 && (dirname(dir) === dir || isOpenToOthers(dirname(dir)));
}

function alive(pid: number): boolean {
  return identityOf(pid) !== undefined;
}

async function bothGone(up: Up): Promise<void> {
  await waitFor('both servers to be gone', () => !alive(up.postgres.pid) && !alive(up.redis.pid));
}

describe('the end of whoever started the servers', { timeout: 90_000 }, () => {
  it('leaves nothing when it stops them', async () => {
    const { starter, up } = await setup();
    starter.signal('SIGTERM');
    expect(await starter.waitForExit()).toEqual({ code: 0, signal: null });
    expect([up.postgres.pid, up.redis.pid].filter(alive)).toEqual([]);
  });

  it('leaves nothing when it just exits', async () => {
    const { starter, up } = await setup();
    starter.signal('SIGUSR2');
    await bothGone(up);
  });

  it('leaves nothing when it is killed', async () => {
    const { starter, up } = await setup();
    await starter.kill();
    await bothGone(up);
  });

  it('leaves what the next start ends, even if the guards were killed as well', async () => {
    const { dir, starter, up } = await setup();
    await query('create table kept (n int)', [], up.postgres.url);
    for (const pid of childrenOf(starter.pid)) {
      if (commandLineOf(pid).includes('guard')) process.kill(pid, 'SIGKILL');
    }
    await starter.kill();
    expect([up.postgres.pid, up.redis.pid].filter(alive)).toHaveLength(2);

    const again = await setup(dir);

    expect([up.postgres.pid, up.redis.pid].filter(alive)).toEqual([]);
    expect(await query('select n from kept', [], again.up.postgres.url)).toEqual([]);
  });
});

describe('a folder in use', { timeout: 90_000 }, () => {
  it('is refused with the name of the process that uses it', async () => {
    const { dir, starter } = await setup();
    await expect(startPostgres({ dir })).rejects.toThrow(`in use by process ${String(starter.pid)}`);
    await expect(startRedis({ dir })).rejects.toThrow(`in use by process ${String(starter.pid)}`);
  });
});

/** An account without rights; initdb wants one that has a name. */
const ORDINARY = 1;

describe.runIf(isRoot)('started by root', { timeout: 90_000 }, () => {
  it('runs PostgreSQL as somebody else', async () => {
    const { up } = await setup();
    expect(statSync(`/proc/${String(up.postgres.pid)}`).uid).not.toBe(0);
  });

  it('keeps the data in /var/tmp when nobody else may enter the folder, and finds it again', async () => {
    const dir = folder();
    chmodSync(dir, 0o700);
    const first = await startPostgres({ dir });
    await query('create table kept (n int)', [], first.url);
    await first.stop();
    const elsewhere = readFileSync(join(dir, 'postgres.elsewhere'), 'utf8').trim();

    const second = await startPostgres({ dir });

    expect(await query('select n from kept', [], second.url)).toEqual([]);
    expect(existsSync(join(dir, 'postgres'))).toBe(false);
    await second.stop();
    deleteServerData(dir);
    expect(existsSync(elsewhere)).toBe(false);
  });

  // A checkout in a private home is nobody else's to read.
  it.runIf(isOpenToOthers(import.meta.dirname))('works for an ordinary user as well', async () => {
    const dir = folder();
    chownSync(dir, ORDINARY, ORDINARY);
    const child = spawn(process.execPath, [FIXTURE, dir], {
      uid: ORDINARY,
      gid: ORDINARY,
      env: { ...process.env, HOME: dir, XDG_CACHE_HOME: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    clean.push(() => child.kill('SIGKILL'));
    let printed = '';
    child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    await waitFor('the servers of an ordinary user', () => printed.includes('\n'), { deadlineMs: 75_000 });
    const up = JSON.parse(printed) as Up; // the fixture prints it in this shape

    expect(statSync(`/proc/${String(up.postgres.pid)}`).uid).toBe(ORDINARY);
    expect(statSync(join(dir, 'postgres')).uid).toBe(ORDINARY);
    child.kill('SIGTERM');
    await bothGone(up);
  });
});
