import type { Settings } from '../config/index.js';
import { check, SECOND, type Check } from '../foundation/index.js';
import { pendingMigrations, unknownMigrations } from './migrate.js';
import type { Postgres } from './postgres.js';

/** Clocks that differ by more make due times, leases and reports wrong. */
const MOST_SKEW_MS = 2 * SECOND;
/** The oldest version that still gets fixes, and that our statements were tried on. */
const OLDEST_VERSION = 14;

interface Facts {
  readonly version: string;
  readonly versionNumber: number;
  readonly now: Date;
  readonly most: number;
  readonly reserved: number;
  readonly used: number;
  readonly ours: number;
}

/** What `doctor` asks of PostgreSQL. `processes`: how many of ours are alive, null when nobody knows. Throws `LedgerUnavailableError`. */
export async function checkPostgres(
  postgres: Postgres,
  settings: Settings,
  processes: number | null,
): Promise<Check[]> {
  const askedAt = Date.now();
  const facts = await factsOf(postgres, settings);
  const [version, connections] = [checkVersion(facts), checkConnections(facts, settings, processes)];
  const skew = checkSkew('postgres-clock', 'PostgreSQL', facts.now.getTime() - (askedAt + Date.now()) / 2);
  const migrations = await checkMigrations(settings);
  return [version, migrations, skew, connections];
}

/** Whether a server's clock agrees with ours. For `doctor`. */
export function checkSkew(name: string, server: string, skewMs: number): Check {
  const seconds = (Math.abs(skewMs) / SECOND).toFixed(1);
  return check(
    name,
    Math.abs(skewMs) <= MOST_SKEW_MS,
    `The clock of ${server} is ${seconds} s ${skewMs < 0 ? 'behind' : 'ahead of'} ours.`,
    'Let NTP set the clocks of both machines; they may differ by 2 s.',
  );
}

async function factsOf(postgres: Postgres, settings: Settings): Promise<Facts> {
  const [facts] = await postgres.query<Facts & object>(
    {
      text: `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS "versionNumber", clock_timestamp() AS now,
             current_setting('max_connections')::int AS most, current_setting('superuser_reserved_connections')::int AS reserved,
             count(*)::int AS used, count(*) FILTER (WHERE starts_with(application_name, $1))::int AS ours
        FROM pg_stat_activity WHERE backend_type = 'client backend'`,
    },
    [`${settings.appName}:`],
  );
  if (facts === undefined) throw new Error('unreachable: an aggregate has one row');
  return facts;
}

async function checkMigrations(settings: Settings): Promise<Check> {
  const schema = `The schema "${settings.appName}"`;
  const name = 'postgres-migrations';
  const unknown = await unknownMigrations(settings);
  if (unknown.length > 0)
    return check(
      name,
      false,
      `${schema} has steps that this release does not know: ${unknown.join(', ')}.`,
      'Deploy the release that added them, or a newer one.',
    );
  const pending = await pendingMigrations(settings);
  const isDone = pending.length === 0;
  return check(
    name,
    isDone,
    isDone ? `${schema} is up to date.` : `${schema} lacks ${pending.join(', ')}.`,
    'Run: shiftwork migrate',
  );
}

function checkVersion({ version, versionNumber }: Facts): Check {
  return check(
    'postgres',
    versionNumber >= OLDEST_VERSION * 10_000,
    `PostgreSQL ${version} answers.`,
    `Use PostgreSQL ${OLDEST_VERSION} or newer.`,
  );
}

function checkConnections(
  { most, reserved, used, ours }: Facts,
  { databasePoolSize }: Settings,
  processes: number | null,
): Check {
  const free = most - reserved;
  const budget = (processes ?? 0) * databasePoolSize;
  const others = used - ours;
  return check(
    'postgres-connections',
    budget + others <= free,
    `${used} of ${free} connections are used${processes === null ? '' : `; our ${processes} processes may open ${budget} (DATABASE_POOL=${databasePoolSize} each), others use ${others}`}.`,
    'Lower DATABASE_POOL, run fewer processes, or raise max_connections. During a deploy the old and the new processes overlap.',
  );
}
