import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Account, canWrite } from './account.js';
import { DevServerError } from './dev-server-error.js';
import { POSTGRES_REMEDY, type PostgresBinaries, sharedCacheFolder } from './postgres-binaries.js';
import { poll } from './poll.js';
import { commandLineOf } from './process-identity.js';

const LEFTOVER_ENDS_WITHIN_MS = 10_000;

/** Says where the data is when it is not here. */
const NOTE = 'postgres.elsewhere';

const INITDB_ARGS = [
  '--username=postgres',
  '--auth=trust', // it listens on 127.0.0.1 only
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8', // the same order of text on every machine
];

/**
 * The data folder of a server: `<dir>/postgres`, or where the server's account cannot write there, a folder in the
 * shared cache; `<dir>/postgres.elsewhere` then says which. Made by initdb on first use, kept afterwards.
 */
export async function preparePostgresData(
  dir: string,
  binaries: PostgresBinaries,
  account: Account | undefined,
  sync: boolean,
): Promise<string> {
  const parent = parentOfData(dir, account);
  const data = join(parent, 'postgres');
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(data, binaries, account, sync);
  await removeStalePidFile(data);
  return data;
}

function parentOfData(dir: string, account: Account | undefined): string {
  if (canUse(dir, account)) return dir;
  const elsewhere = join(
    sharedCacheFolder(),
    createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 16),
  );
  mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
  if (!canUse(elsewhere, account))
    throw new DevServerError(`PostgreSQL can write neither to ${dir} nor to ${elsewhere}. Set DATABASE_URL.`);
  writeFileSync(join(dir, NOTE), `${elsewhere}\n`);
  return elsewhere;
}

/** Deletes a folder of servers that no longer run, with all their data, wherever it is. */
export function deleteServerData(dir: string): void {
  const note = join(dir, NOTE);
  if (existsSync(note)) rmSync(readFileSync(note, 'utf8').trim(), { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
}

/** The server gets an own folder inside `dir`; that it can be reached at all is what must be found out. */
function canUse(dir: string, account: Account | undefined): boolean {
  const probe = join(dir, `probe-${String(process.pid)}`);
  mkdirSync(probe, { recursive: true });
  if (account !== undefined) chownSync(probe, account.uid, account.gid);
  const usable = canWrite(probe, account);
  rmSync(probe, { recursive: true, force: true });
  return usable;
}

/** initdb works beside the final name, so that a run that is cut short leaves nothing that looks like a data folder. */
function initialise(
  data: string,
  binaries: PostgresBinaries,
  account: Account | undefined,
  sync: boolean,
): void {
  const half = `${data}.half`;
  rmSync(half, { recursive: true, force: true });
  rmSync(data, { recursive: true, force: true });
  mkdirSync(half, { mode: 0o700 });
  if (account !== undefined) chownSync(half, account.uid, account.gid);
  const args = [...INITDB_ARGS, ...(sync ? [] : ['--no-sync']), `--pgdata=${half}`];
  const run = spawnSync(binaries.initdb, args, { ...account, cwd: '/', encoding: 'utf8' });
  if (run.status !== 0) {
    const reason = run.error?.message ?? [run.stdout, run.stderr].join('\n').trim();
    throw new DevServerError(`initdb failed for ${data}: ${reason}. ${POSTGRES_REMEDY}`);
  }
  renameSync(half, data);
}

/**
 * The file of a server that was killed names a pid that somebody else may have by now, and PostgreSQL then refuses to
 * start. Whether the pid is a PostgreSQL of this folder is seen in its command line; its guard may be ending it just now.
 */
async function removeStalePidFile(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const free = await poll(
    () => (userOf(file, data) === undefined ? true : undefined),
    LEFTOVER_ENDS_WITHIN_MS,
  );
  if (free === true) {
    rmSync(file, { force: true });
    return;
  }
  const pid = userOf(file, data);
  throw new DevServerError(`A PostgreSQL (process ${String(pid)}) already uses ${data}. Stop it first.`, {
    pid,
    data,
  });
}

/** The pid of the PostgreSQL that lives in this folder. */
function userOf(pidFile: string, data: string): number | undefined {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  return Number.isInteger(pid) && pid > 0 && commandLineOf(pid).includes(data) ? pid : undefined;
}
