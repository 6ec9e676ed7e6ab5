import { readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf, SECOND } from '../foundation/index.js';
import type { Environment } from './environment.js';
import { notAQueueName, parseQueues, QUEUE_NAME, type Lane } from './queues.js';
import { releaseOf } from './release.js';
import type { Role } from './roles.js';
import type { RestAccess, Settings, SettingsWarning, Token, TokenRole } from './settings.js';
import { SettingsError } from './settings-error.js';
import { SettingsReader } from './settings-reader.js';

export interface LoadedSettings {
  readonly settings: Settings;
  readonly warnings: readonly SettingsWarning[];
}

/**
 * Reads the environment into frozen `Settings`. Throws one `SettingsError` that lists every fault with an example each;
 * values of secrets never appear in it. `roles` come from argv (empty for a one-off process such as the CLI). `rest`: tokens are
 * needed only where they decide.
 */
export function loadSettings(
  env: Environment,
  roles: readonly Role[],
  rest: RestAccess = 'tokens',
): LoadedSettings {
  const read = new SettingsReader(env);
  const production = env['NODE_ENV'] === 'production';
  const tokens = readTokens(read);
  const graceSeconds = read.number('SHUTDOWN_GRACE', 25, { min: 2, max: 3_600, unit: 'seconds' });
  const databaseUrl = readDatabaseUrl(read);
  const redisUrl = readRedisUrl(read);
  const port = read.number('PORT', 3000, { min: 0, max: 65_535, unit: 'a TCP port' });
  const webTokenless = roles.includes('web') && rest === 'tokens' && tokens.length === 0;
  if (webTokenless && production) {
    read.fault(
      'SHIFTWORK_TOKENS',
      'is needed in production, or anybody could run jobs',
      'admin:A-LONG-SECRET,client:ANOTHER',
    );
  }
  const lanes = readLanes(read);
  const settings: Settings = Object.freeze<Settings>({
    roles: Object.freeze([...roles]),
    production,
    databaseUrl,
    databaseTls: databaseTls(read, databaseUrl),
    redisUrl,
    redisTls: redisTls(read, redisUrl),
    appName: read.pattern(
      'APP_NAME',
      'shiftwork',
      /^(?!pg_)[a-z][a-z0-9_]{0,30}$/, // PostgreSQL keeps the schemas pg_… for itself
      'a lower-case letter, then up to 30 of a-z, 0-9 and _, and not pg_ to begin with',
      'billing',
    ),
    port,
    host: read.text('HOST') ?? (webTokenless ? '127.0.0.1' : '::'),
    lanes,
    queueLimits: readLimits(read),
    maxUnrecorded: read.number('MAX_UNRECORDED', 200, { min: 1, max: 10_000, unit: 'tasks' }),
    crashLimit: read.number('CRASH_LIMIT', 3, { min: 1, max: 1_000, unit: 'crashes' }),
    shutdownGraceMs: graceSeconds * SECOND,
    handoverMarginMs: Math.max(SECOND, (graceSeconds * SECOND) / 5),
    blockedLimitMs: read.number('BLOCKED_LIMIT', 600, { min: 5, max: 86_400, unit: 'seconds' }) * SECOND,
    webConcurrency: read.number('WEB_CONCURRENCY', 1, { min: 1, max: 64, unit: 'processes' }),
    embedWorker: read.flag('EMBED_WORKER'),
    databasePoolSize: read.number('DATABASE_POOL', 10, { min: 3, max: 500, unit: 'connections' }),
    smtpUrl: read.optionalUrl('SMTP_URL', ['smtp:', 'smtps:'], 'smtp://user:password@host:587'),
    mailFrom: read.text('MAIL_FROM') ?? 'shiftwork@localhost',
    admins: readAdmins(read),
    mailCapPerHour: read.number('MAIL_CAP_PER_HOUR', 30, { min: 10, max: 10_000, unit: 'mails an hour' }),
    publicUrl: (
      read.optionalUrl('PUBLIC_URL', ['http:', 'https:'], 'https://jobs.example.org') ??
      `http://localhost:${String(port)}`
    ).replace(/\/+$/, ''),
    tokens: Object.freeze(tokens),
    release: releaseOf(env),
    logLevel: read.oneOf('LOG_LEVEL', 'info', ['debug', 'info', 'warn', 'error', 'silent']),
    retentionDays: read.number('RETENTION_DAYS', 30, { min: 1, max: 3_650, unit: 'days' }),
    storageDir: path.resolve(read.text('STORAGE_DIR') ?? 'storage'),
    dataDir: path.resolve(read.text('DATA_DIR') ?? '.shiftwork/data'),
    webhookSecret: read.text('WEBHOOK_SECRET') ?? null,
    webhookAllowPrivate: read.flag('WEBHOOK_ALLOW_PRIVATE'),
  });
  if (read.faults.length > 0) throw new SettingsError(read.faults);
  return { settings, warnings: [...(webTokenless ? [TOKENLESS] : []), ...warningsOf(settings)] };
}

function readDatabaseUrl(read: SettingsReader): string {
  const example = 'postgres://user:password@host:5432/name';
  const url = read.url('DATABASE_URL', ['postgres:', 'postgresql:'], example);
  if (url === '') return url;
  // pg reads them with each connection, and what it says then sounds like a server that is away.
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const file = new URL(url).searchParams.get(name);
    const fault = file === null || file === '' ? undefined : unreadable(file);
    if (fault !== undefined)
      read.fault(
        'DATABASE_URL',
        `names a file that cannot be read: ${name} (${fault})`,
        `${example}?${name}=/path/to/file.pem`,
      );
  }
  return url;
}

function unreadable(file: string): string | undefined {
  try {
    readFileSync(file);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function readRedisUrl(read: SettingsReader): string {
  const name = redisVariable(read);
  if (name === undefined) return '';
  const url = read.url(name, ['redis:', 'rediss:'], 'redis://host:6379');
  // ioredis would take anything else for database 0, and the path of a socket for this machine.
  if (url !== '' && !/^\/?\d*$/.test(new URL(url).pathname))
    read.fault(
      name,
      'may have nothing but the number of a database after the host and port',
      'redis://host:6379/2',
    );
  return url;
}

// Heroku's Redis add-ons each set a variable of their own; REDIS_PROVIDER names it, as Sidekiq does.
function redisVariable(read: SettingsReader): string | undefined {
  const provider = read.text('REDIS_PROVIDER');
  if (provider === undefined) return 'REDIS_URL';
  if (!/^\w+$/.test(provider)) {
    // Perhaps the URL itself, which may hold a password.
    read.fault('REDIS_PROVIDER', 'must be the name of a variable, not its value', 'REDISCLOUD_URL');
    return undefined;
  }
  if (read.text(provider) === undefined)
    read.fault('REDIS_PROVIDER', `names the variable ${provider}, which is not set`, 'REDISCLOUD_URL');
  return provider;
}

function databaseTls(read: SettingsReader, url: string): Settings['databaseTls'] {
  const mode = URL.canParse(url) ? new URL(url).searchParams.get('sslmode') : null;
  const onHeroku = read.text('DYNO') !== undefined && mode !== 'disable';
  const fallback =
    mode === 'verify-full' || mode === 'verify-ca'
      ? 'verify'
      : mode === 'require' || mode === 'prefer' || mode === 'no-verify' || onHeroku
        ? 'accept'
        : 'off';
  return read.oneOf('DATABASE_TLS', fallback, ['off', 'accept', 'verify']);
}

function redisTls(read: SettingsReader, url: string): Settings['redisTls'] {
  const fallback = url.startsWith('rediss:')
    ? read.text('DYNO') === undefined
      ? 'verify'
      : 'accept'
    : 'off';
  const tls = read.oneOf('REDIS_TLS', fallback, ['off', 'accept', 'verify']);
  if (tls === 'off' && url.startsWith('rediss:'))
    read.fault('REDIS_TLS', 'cannot be off while the URL of Redis begins with rediss://', 'accept');
  return tls;
}

function readLanes(read: SettingsReader): Lane[] {
  const lanes = parseQueues(read.text('QUEUES') ?? 'high:10,default:5,low:1');
  if (typeof lanes !== 'string') return lanes;
  read.fault('QUEUES', lanes, 'high:10,default:5,low:1 or "mail:5,high>default>low:10"');
  return [];
}

function readLimits(read: SettingsReader): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  const fault = (what: string): void => {
    read.fault('QUEUE_LIMITS', what, 'default:100000,high:5000');
  };
  for (const part of (read.text('QUEUE_LIMITS') ?? '').split(',').filter((each) => each.trim() !== '')) {
    const [queue = '', limit, ...rest] = part.split(':').map((each) => each.trim());
    const most = Number(limit);
    if (queue === '' || rest.length > 0 || !Number.isInteger(most) || most < 1)
      fault(`has "${part}", which is not name:number`);
    else if (!QUEUE_NAME.test(queue)) fault(notAQueueName(queue));
    else if (limits.has(queue)) fault(`names the queue "${queue}" twice`);
    else limits.set(queue, most);
  }
  return limits;
}

const TOKEN_ROLES: readonly TokenRole[] = ['admin', 'client', 'viewer'];

function readTokens(read: SettingsReader): Token[] {
  const tokens: Token[] = [];
  for (const [i, part] of (read.text('SHIFTWORK_TOKENS') ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .entries()) {
    const [roleText = '', ...rest] = part.split(':');
    const role = TOKEN_ROLES.find((each) => each === roleText);
    const value = rest.join(':');
    if (role === undefined || value.length < 3) {
      read.fault(
        'SHIFTWORK_TOKENS',
        `has an entry (number ${String(i + 1)}) that is not role:token with the role admin, client or viewer`,
        'admin:A-LONG-SECRET,client:ANOTHER',
      );
    } else if (tokens.some((each) => each.value === value && each.role !== role)) {
      read.fault(
        'SHIFTWORK_TOKENS',
        `gives the token of entry number ${String(i + 1)} another role before`,
        'admin:A-LONG-SECRET,client:ANOTHER',
      );
    } else tokens.push({ role, value });
  }
  return tokens;
}

function readAdmins(read: SettingsReader): string[] {
  const admins = (read.text('ADMINS') ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const bad = admins.find((each) => !/^[^\s@]+@[^\s@]+$/.test(each));
  if (bad !== undefined)
    read.fault('ADMINS', `has "${bad}", which is no e-mail address`, 'a@example.org,b@example.org');
  return admins;
}

const TOKENLESS =
  'SHIFTWORK_TOKENS is not set: REST answers this machine only (loopback), and everybody there is an admin. Example: SHIFTWORK_TOKENS=admin:A-LONG-SECRET,client:ANOTHER';

function warningsOf(settings: Settings): string[] {
  const warnings: string[] = [];
  if (settings.admins.length === 0)
    warnings.push('ADMINS is not set: nobody is told of failed tasks. Example: ADMINS=you@example.org');
  if (settings.production && settings.smtpUrl === null)
    warnings.push(
      'SMTP_URL is not set: mails to the admins are kept but not sent. Example: SMTP_URL=smtp://user:password@host:587',
    );
  const slots = settings.lanes.reduce((sum, lane) => sum + lane.slots, 0);
  if (settings.roles.includes('worker') && slots > 500)
    warnings.push(
      `QUEUES asks for ${String(slots)} slots in one process; several processes use the cores better.`,
    );
  return warnings;
}
