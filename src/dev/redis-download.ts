import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../foundation/index.js';
import { DevServerError } from './dev-server-error.js';
import { REDIS_REMEDY } from './redis-binary.js';
import { installIntoCache } from './redis-cache.js';

const run = promisify(execFile);
const PACKAGES = ['redis-server', 'valkey-server'];
const TOOLS = ['apt-get', 'dpkg'];
const WITHIN_MS = 180_000;

/** True where the distribution's packages can be had without being root: Debian, Ubuntu and their kin. */
export function canDownloadRedis(env: NodeJS.ProcessEnv): boolean {
  const folders = (env.PATH ?? '').split(delimiter);
  return TOOLS.every((tool) => folders.some((folder) => existsSync(join(folder, tool))));
}

/**
 * Fetches the distribution's Redis, with the libraries this machine lacks, and unpacks it into `cache`. apt works on
 * lists and archives of its own in a temporary folder: it needs no root rights, changes nothing in the system, and finds the
 * packages also in images that come with empty lists. Signatures are checked as ever.
 */
export async function downloadRedis(cache: string, env: NodeJS.ProcessEnv): Promise<void> {
  mkdirSync(dirname(cache), { recursive: true });
  const work = mkdtempSync(join(dirname(cache), 'fetch-')); // beside the cache: a rename must not cross disks
  try {
    await fetchInto(join(work, 'root'), work, env);
    installIntoCache(join(work, 'root'), cache);
  } catch (cause) {
    if (cause instanceof DevServerError) throw cause;
    throw new DevServerError(
      `Redis could not be fetched: ${reasonOf(cause)}. ${REDIS_REMEDY}`,
      {},
      { cause },
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function fetchInto(root: string, work: string, env: NodeJS.ProcessEnv): Promise<void> {
  const apt = aptIn(work, env);
  const archives = join(work, 'debs');
  for (const folder of [root, archives]) mkdirSync(folder);
  await apt(['update'], work);
  await apt(['download', ...(await neededPackages(apt, work))], archives);
  for (const archive of readdirSync(archives))
    await run('dpkg', ['-x', join(archives, archive), root], { env });
}

type Apt = (args: string[], cwd: string) => Promise<string>;

function aptIn(work: string, env: NodeJS.ProcessEnv): Apt {
  const lists = join(work, 'lists');
  const cache = join(work, 'cache');
  for (const folder of [join(lists, 'partial'), join(cache, 'archives', 'partial')])
    mkdirSync(folder, { recursive: true });
  const own = [
    `Dir::State::lists=${lists}`,
    `Dir::Cache=${cache}`,
    'APT::Sandbox::User=root',
    'Debug::NoLocking=1',
  ];
  const options = own.flatMap((option) => ['-o', option]);
  return async (args, cwd) => {
    const { stdout } = await run('apt-get', ['-qq', ...options, ...args], {
      cwd,
      env: { ...env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      timeout: WITHIN_MS,
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  };
}

/** The server's package and those it needs that this machine does not have: apt knows, and only prints them here. */
async function neededPackages(apt: Apt, cwd: string): Promise<string[]> {
  const reasons: string[] = [];
  for (const name of PACKAGES) {
    try {
      const listing = await apt(['install', '--print-uris', '--no-install-recommends', '-y', name], cwd);
      const packages = [...listing.matchAll(/^'[^']+' ([^_\s]+)_\S+\.deb /gm)].map((match) => match[1] ?? '');
      // Unpacked only, the package may already be installed for the system; then the server is on the PATH or broken.
      return packages.length > 0 ? packages : [name];
    } catch (error) {
      reasons.push(`${name}: ${reasonOf(error)}`);
    }
  }
  throw new DevServerError(`The distribution offers no Redis (${reasons.join('; ')}). ${REDIS_REMEDY}`);
}

/** What apt said, rather than the command line that node quotes. */
function reasonOf(error: unknown): string {
  const said =
    error instanceof Error && 'stderr' in error && typeof error.stderr === 'string'
      ? error.stderr.trim()
      : '';
  return said === '' ? messageOf(error) : said.split('\n').slice(-3).join(' ');
}
