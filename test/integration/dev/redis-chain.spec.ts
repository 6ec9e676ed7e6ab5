import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findRedisBinary } from '../../../src/dev/index.js';
import { canDownloadRedis } from '../../../src/dev/redis-download.js';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A machine of which only these programs are known, with an empty cache. */
function setup(): { bin: string; cache: string; env: NodeJS.ProcessEnv } {
  const root = mkdtempSync(join(tmpdir(), 'shiftwork-chain-'));
  folders.push(root);
  const bin = join(root, 'bin');
  mkdirSync(bin);
  return { bin, cache: join(root, 'cache'), env: { PATH: bin, XDG_CACHE_HOME: join(root, 'cache') } };
}

/** A program that answers `--version`, or cannot even do that. */
function program(bin: string, name: string, works = true): string {
  const file = join(bin, name);
  writeFileSync(file, `#!/bin/sh\nexit ${works ? '0' : '1'}\n`);
  chmodSync(file, 0o755);
  return file;
}

const find = async (env: NodeJS.ProcessEnv) => findRedisBinary(env, () => undefined);
const hasRedis = async (env: NodeJS.ProcessEnv) =>
  (await find({ ...env, REDIS_DOWNLOAD: '0' }).catch(() => undefined)) !== undefined;

describe('the search for a Redis server', () => {
  it('takes the one that REDIS_SERVER_BIN names before any on the PATH', async () => {
    const { bin, env } = setup();
    program(bin, 'redis-server');
    const mine = program(bin, 'my-redis');
    expect(await find({ ...env, REDIS_SERVER_BIN: mine })).toMatchObject({ command: mine });
  });

  it('refuses a REDIS_SERVER_BIN that does not run, and says what to do', async () => {
    const { bin, env } = setup();
    const broken = program(bin, 'my-redis', false);
    await expect(find({ ...env, REDIS_SERVER_BIN: broken })).rejects.toThrow(
      /my-redis.*does not run.*REDIS_URL=/s,
    );
  });

  it.each(['redis-server', 'valkey-server', 'keydb-server'])('finds %s on the PATH', async (name) => {
    const { bin, env } = setup();
    const there = program(bin, name);
    expect(await find(env)).toMatchObject({ command: there, origin: 'PATH' });
  });

  it('passes over a program on the PATH that does not run', async () => {
    const { bin, env } = setup();
    program(bin, 'redis-server', false);
    const valkey = program(bin, 'valkey-server');
    expect(await find(env)).toMatchObject({ command: valkey });
  });

  it('finds a copy in the cache without the network', async () => {
    const { cache, env } = setup();
    mkdirSync(join(cache, 'shiftwork/redis/usr/bin'), { recursive: true });
    const copy = program(join(cache, 'shiftwork/redis/usr/bin'), 'redis-server');
    expect(await find({ ...env, REDIS_DOWNLOAD: '0' })).toMatchObject({ command: copy });
  });

  it('names every way out on a machine where none can be had', async () => {
    const { env } = setup();
    await expect(find(env)).rejects.toThrow(
      /REDIS_URL=.*REDIS_SERVER_BIN=.*apt install.*brew install.*docker run/s,
    );
  });

  it.runIf(canDownloadRedis(process.env))('fetches nothing when REDIS_DOWNLOAD=0', async ({ skip }) => {
    const { bin, env, cache } = setup();
    const tools = { ...env, PATH: [bin, '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(delimiter) };
    if (await hasRedis(tools)) skip('the machine has a Redis of its own');
    expect(existsSync(cache)).toBe(false);
  });
});

describe.runIf(canDownloadRedis(process.env))('a machine with apt and nothing else', () => {
  it('fetches the distribution’s package without root rights, also for two that ask at the same time', async ({
    skip,
  }) => {
    const { bin, cache, env } = setup();
    const tools = { ...env, PATH: [bin, '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(delimiter) };
    if (await hasRedis(tools)) skip('the machine has a Redis of its own');

    const [one, two] = await Promise.all([find(tools), find(tools)]);

    expect(one.command).toBe(join(cache, 'shiftwork/redis/usr/bin/redis-server'));
    expect(two).toEqual(one);
    expect(readdirSync(join(cache, 'shiftwork'))).toEqual(['redis']); // no half copies are left
  }, 120_000);

  it('replaces a copy that no longer runs', async ({ skip }) => {
    const { bin, cache, env } = setup();
    const tools = { ...env, PATH: [bin, '/usr/bin', '/bin', '/usr/sbin', '/sbin'].join(delimiter) };
    if (await hasRedis(tools)) skip('the machine has a Redis of its own');
    mkdirSync(join(cache, 'shiftwork/redis/usr/bin'), { recursive: true });
    program(join(cache, 'shiftwork/redis/usr/bin'), 'redis-server', false);

    expect(await find(tools)).toMatchObject({ origin: join(cache, 'shiftwork/redis') });
  }, 120_000);
});
