import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings, SettingsError, type Environment, type Role } from '../../../src/config/index.js';

const NEEDED = {
  DATABASE_URL: 'postgres://me:db-secret@db:5432/app',
  REDIS_URL: 'redis://:redis-secret@redis:6379',
};
const README = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');

function settings(env: Environment = {}, roles: Role[] = []): ReturnType<typeof loadSettings>['settings'] {
  return loadSettings({ ...NEEDED, ...env }, roles).settings;
}

function faults(env: Environment, roles: Role[] = []): string {
  try {
    loadSettings(env, roles);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return '';
}

describe('the settings', () => {
  it.each([
    ['DATABASE_URL', 'mysql://x', 'postgres:// or postgresql://'],
    ['DATABASE_URL', 'nonsense', 'postgres:// or postgresql://'],
    ['DATABASE_URL', 'postgres://me:50%off@db/app', 'percent sign written as %25'],
    [
      'DATABASE_URL',
      'postgres://db/app?sslrootcert=/nowhere/ca.pem',
      "names a file that cannot be read: sslrootcert (ENOENT: no such file or directory, open '/nowhere/ca.pem')",
    ],
    ['DATABASE_URL', 'postgres://db/app?sslcert=/&sslkey=/nowhere', 'sslcert (EISDIR'],
    ['DATABASE_URL', 'postgres://db/app?sslcert=/&sslkey=/nowhere', 'sslkey (ENOENT'],
    ['REDIS_URL', 'http://x', 'redis:// or rediss://'],
    ['REDIS_URL', 'redis:x', 'redis:// or rediss://'],
    ['REDIS_URL', 'redis://:50%off@x', 'percent sign written as %25'],
    ['REDIS_URL', 'redis:///run/redis.sock', 'nothing but the number of a database after the host'],
    ['REDIS_URL', 'redis://x/cache', 'nothing but the number of a database after the host'],
    ['REDIS_PROVIDER', 'NOT_THERE', 'names the variable NOT_THERE, which is not set'],
    ['DATABASE_TLS', 'yes', 'must be one of off, accept, verify, not "yes"'],
    ['REDIS_TLS', 'yes', 'must be one of off, accept, verify, not "yes"'],
    ['APP_NAME', 'Billing', 'must be a lower-case letter'],
    ['APP_NAME', 'a'.repeat(32), 'up to 30'],
    ['APP_NAME', 'pg_jobs', 'not pg_'],
    ['PORT', '65536', 'from 0 to 65535 (a TCP port), not "65536"'],
    ['PORT', '80a', 'must be a whole number'],
    ['QUEUES', 'default:0', 'QUEUES'],
    ['QUEUE_LIMITS', 'default', 'has "default", which is not name:number'],
    ['QUEUE_LIMITS', 'high:5:6', 'has "high:5:6", which is not name:number'],
    ['QUEUE_LIMITS', 'default:0', 'has "default:0", which is not name:number'],
    ['QUEUE_LIMITS', 'High:5', '"High" is no queue name'],
    ['QUEUE_LIMITS', 'high:5,default:3,high:7', 'names the queue "high" twice'],
    ['SHIFTWORK_TOKENS', 'root:abcdef', '(entry|number 1)'],
    ['SHIFTWORK_TOKENS', 'admin:abcdef,client:x', 'number 2'],
    ['SHIFTWORK_TOKENS', 'viewer:abcdef,admin:abcdef', 'gives the token of entry number 2 another role'],
    ['SHUTDOWN_GRACE', '1', 'from 2 to 3600 (seconds), not "1"'],
    ['SHUTDOWN_GRACE', '2.5', 'must be a whole number'],
    ['BLOCKED_LIMIT', '4', 'from 5 to 86400 (seconds)'],
    ['CRASH_LIMIT', '0', 'from 1 to 1000 (crashes)'],
    ['MAX_UNRECORDED', '0', 'from 1 to 10000 (tasks)'],
    ['DATABASE_POOL', '2', 'from 3 to 500 (connections)'],
    ['WEB_CONCURRENCY', '65', 'from 1 to 64 (processes)'],
    ['EMBED_WORKER', 'yes', 'must be 1 or 0, not "yes"'],
    ['WEBHOOK_ALLOW_PRIVATE', 'yes', 'must be 1 or 0, not "yes"'],
    ['ADMINS', 'me@example.org,you', 'has "you", which is no e-mail address'],
    ['SMTP_URL', 'http://x', 'smtp:// or smtps://'],
    ['MAIL_CAP_PER_HOUR', '9', 'from 10 to 10000 (mails an hour)'],
    ['PUBLIC_URL', 'jobs.example.org', 'http:// or https://'],
    ['RETENTION_DAYS', '0', 'from 1 to 3650 (days)'],
    ['LOG_LEVEL', 'loud', 'must be one of debug, info, warn, error, silent, not "loud"'],
  ])('%s=%s is a fault that says what would do, with an example', (name, value, what) => {
    const message = faults({ ...NEEDED, [name]: value });
    expect(message).toMatch(new RegExp(`${name} .*${what.startsWith('(') ? what : escaped(what)}`));
    expect(message).toMatch(/Example: [A-Z_]+=\S/);
  });

  it('do not take TLS away from a URL that asks Redis for it', () => {
    expect(faults({ ...NEEDED, REDIS_URL: 'rediss://redis', REDIS_TLS: 'off' })).toMatch(
      /REDIS_TLS .*off.*rediss:\/\/.*Example: REDIS_TLS=accept/,
    );
    expect(settings({ REDIS_TLS: 'off' }).redisTls).toBe('off');
  });

  it('that are missing are faults, and all faults are told at once', () => {
    const message = faults({ PORT: 'x', LOG_LEVEL: 'loud' });
    for (const name of ['DATABASE_URL is missing', 'REDIS_URL is missing', 'PORT must', 'LOG_LEVEL must'])
      expect(message).toContain(name);
  });

  it('never show a secret in a fault', () => {
    const message = faults({
      DATABASE_URL: 'mysql://me:one-secret@db/app',
      REDIS_URL: 'http://:two-secret@redis',
      SMTP_URL: 'http://me:three-secret@mail',
      SHIFTWORK_TOKENS: 'root:four-secret,admin:five-secret',
    });
    expect(message).toContain('SHIFTWORK_TOKENS');
    expect(message).not.toContain('-secret');
    const url = faults({ ...NEEDED, REDIS_PROVIDER: 'redis://:six-secret@redis' }); // instead of a name
    expect(url).toMatch(/REDIS_PROVIDER must be the name of a variable.*Example: REDIS_PROVIDER=/);
    expect(url).not.toContain('-secret');
  });

  it('that are empty or blank count as not set', () => {
    expect(settings({ PORT: '', LOG_LEVEL: '  ', ADMINS: ' , ' })).toMatchObject({
      port: 3000,
      logLevel: 'info',
      admins: [],
    });
  });

  it('need tokens for a web in production only, which listens to this machine alone without them', () => {
    expect(faults({ ...NEEDED, NODE_ENV: 'production' }, ['web'])).toContain('SHIFTWORK_TOKENS is needed');
    expect(faults({ ...NEEDED, NODE_ENV: 'production' }, ['worker'])).toBe('');
    expect(settings({}, ['web']).host).toBe('127.0.0.1');
    expect(settings({ SHIFTWORK_TOKENS: 'admin:abcdef' }, ['web'])).toMatchObject({
      host: '::',
      tokens: [{ role: 'admin', value: 'abcdef' }],
    });
    expect(settings({ HOST: '0.0.0.0' }, ['web']).host).toBe('0.0.0.0');
  });

  it('take the Redis that REDIS_PROVIDER names', () => {
    expect(settings({ REDIS_PROVIDER: 'ADDON_URL', ADDON_URL: 'redis://addon:6379' }).redisUrl).toBe(
      'redis://addon:6379',
    );
  });

  it.each([
    [{}, 'off', 'off'],
    [{ DATABASE_URL: `${NEEDED.DATABASE_URL}?sslmode=require` }, 'accept', 'off'],
    [{ DATABASE_URL: `${NEEDED.DATABASE_URL}?sslmode=verify-full` }, 'verify', 'off'],
    [{ DYNO: 'web.1', DATABASE_URL: `${NEEDED.DATABASE_URL}?sslmode=disable` }, 'off', 'off'],
    [{ REDIS_URL: 'rediss://redis' }, 'off', 'verify'],
    [{ DYNO: 'web.1', REDIS_URL: 'rediss://redis' }, 'accept', 'accept'], // Heroku signs its certificates itself
    [
      { DYNO: 'web.1', DATABASE_TLS: 'verify', REDIS_URL: 'rediss://redis', REDIS_TLS: 'verify' },
      'verify',
      'verify',
    ],
  ])('decide on TLS by the platform and the URLs: %o', (env, database, redis) => {
    expect(settings(env)).toMatchObject({ databaseTls: database, redisTls: redis });
  });

  it.each([
    [{ RELEASE: 'v7', HEROKU_SLUG_COMMIT: 'abc', GIT_SHA: 'def' }, 'v7'],
    [{ HEROKU_SLUG_COMMIT: 'abc', GIT_SHA: 'def' }, 'abc'],
    [{ HEROKU_SLUG_COMMIT: ' ', GIT_SHA: 'def' }, 'def'],
  ])('name the release: %o', (env, release) => {
    expect(settings(env).release).toBe(release);
  });

  it('keep a fifth of the grace for handing over, a second at least', () => {
    expect(settings({ SHUTDOWN_GRACE: '2' }).handoverMarginMs).toBe(1_000);
    expect(settings({ SHUTDOWN_GRACE: '60' })).toMatchObject({
      shutdownGraceMs: 60_000,
      handoverMarginMs: 12_000,
    });
  });

  it('have the defaults that the README tells', () => {
    const told = readmeDefaults();
    const { lanes, ...plain } = settings();
    expect(told.get('QUEUES')).toBe('high:10,default:5,low:1');
    expect(lanes.map(({ queues, slots }) => `${queues.join('>')}:${String(slots)}`).join(',')).toBe(
      told.get('QUEUES'),
    );
    expect({
      DATABASE_POOL: String(plain.databasePoolSize),
      APP_NAME: plain.appName,
      'PORT · HOST': `${String(plain.port)} · ${plain.host}`,
      SHUTDOWN_GRACE: String(plain.shutdownGraceMs / 1_000),
      BLOCKED_LIMIT: String(plain.blockedLimitMs / 1_000),
      CRASH_LIMIT: String(plain.crashLimit),
      MAX_UNRECORDED: String(plain.maxUnrecorded),
      WEB_CONCURRENCY: String(plain.webConcurrency),
      EMBED_WORKER: plain.embedWorker ? '1' : '0',
      'SMTP_URL · MAIL_FROM': `· ${plain.mailFrom}`,
      MAIL_CAP_PER_HOUR: String(plain.mailCapPerHour),
      PUBLIC_URL: plain.publicUrl.replace(String(plain.port), 'PORT'),
      RETENTION_DAYS: String(plain.retentionDays),
      LOG_LEVEL: plain.logLevel,
      WEBHOOK_ALLOW_PRIVATE: plain.webhookAllowPrivate ? '1' : '0',
    }).toEqual(Object.fromEntries([...told].filter(([name]) => !ELSEWHERE.includes(name))));
    expect(plain.storageDir).toBe(resolve(told.get('STORAGE_DIR') ?? ''));
    expect(plain.dataDir).toBe(resolve(told.get('DATA_DIR') ?? ''));
  });
});

/** Variables of the README's table that are held to their defaults by other lines than the big comparison, or have none. */
const ELSEWHERE = [
  'DATABASE_URL',
  'DATABASE_TLS',
  'REDIS_URL',
  'REDIS_PROVIDER',
  'REDIS_TLS',
  'QUEUES',
  'QUEUE_LIMITS',
  'SHIFTWORK_TOKENS',
  'RELEASE',
  'ADMINS',
  'STORAGE_DIR',
  'DATA_DIR',
  'WEBHOOK_SECRET',
];

/** The settings table: the variables of a row and the defaults beside them, without the code marks. */
function readmeDefaults(): Map<string, string> {
  const table = README.slice(README.indexOf('| variable '));
  const rows = table.slice(0, table.indexOf('\n\n')).split('\n').slice(2);
  return new Map(
    rows.map((row) => {
      const [, names = '', fallback = ''] = row.split('|').map((cell) => cell.replaceAll('`', '').trim());
      return [names, fallback];
    }),
  );
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
