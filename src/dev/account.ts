import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { DevServerError } from './dev-server-error.js';

/** Whom a child process runs as. */
export interface Account {
  uid: number;
  gid: number;
}

const NOBODY = 65_534;
const PASSWD = '/etc/passwd';

/**
 * PostgreSQL refuses to run as root. Undefined for an ordinary user (run it as yourself); for root the account that
 * the server gets instead: `nobody`, or where
 * that cannot be had another one without rights, or whoever called sudo.
 */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const found = candidates().find(canBecome);
  if (found !== undefined) return found;
  throw new DevServerError(
    'PostgreSQL refuses to run as root, and this container allows no other account. Run as an ordinary user, or set DATABASE_URL.',
  );
}

/** True when that account can enter and write the folder: tried out, since any folder above may be closed to it. */
export function canWrite(folder: string, account: Account | undefined): boolean {
  return (
    spawnSync('/bin/sh', ['-c', 'cd "$1" && test -w .', 'sh', folder], {
      ...account,
      cwd: '/',
      stdio: 'ignore',
    }).status === 0
  );
}

/** True when that account can run the program. */
export function canRun(program: string, account: Account | undefined): boolean {
  return spawnSync(program, ['--version'], { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}

function candidates(): Account[] {
  const caller = { uid: Number(process.env.SUDO_UID), gid: Number(process.env.SUDO_GID) };
  const listed = ['nobody', 'postgres', 'daemon'].flatMap(listedAccount);
  return [{ uid: NOBODY, gid: NOBODY }, ...listed, caller].filter(({ uid, gid }) => uid > 0 && gid > 0);
}

function listedAccount(name: string): Account[] {
  const line = existsSync(PASSWD)
    ? readFileSync(PASSWD, 'utf8')
        .split('\n')
        .find((it) => it.startsWith(`${name}:`))
    : undefined;
  const [, , uid, gid] = line?.split(':') ?? [];
  return [{ uid: Number(uid), gid: Number(gid) }];
}

/** initdb wants to know the name of whoever runs it: a uid without one will not do. */
function canBecome(account: Account): boolean {
  return spawnSync('/bin/sh', ['-c', 'id -un'], { ...account, cwd: '/', stdio: 'ignore' }).status === 0;
}
