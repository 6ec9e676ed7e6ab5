import type { Lane } from './queues.js';
import type { Role } from './roles.js';

/** Who may do what through REST. */
export type TokenRole = 'admin' | 'client' | 'viewer';

/** Who says who may use REST: SHIFTWORK_TOKENS, the guards of the host app, or nobody, because there is no REST. */
export type RestAccess = 'tokens' | 'host' | 'none';

export interface Token {
  readonly role: TokenRole;
  readonly value: string;
}

/**
 * Everything the environment decides, read once at boot and frozen. Durations carry their unit in the name.
 * The README's table lists the variables with their defaults and reasons.
 */
export interface Settings {
  /** Roles of this process, from argv. */
  readonly roles: readonly Role[];
  /** NODE_ENV=production. */
  readonly production: boolean;
  readonly databaseUrl: string;
  /** TLS towards PostgreSQL: `verify` checks the certificate, `accept` takes a self-signed one (Heroku), `off` none. */
  readonly databaseTls: 'off' | 'accept' | 'verify';
  readonly redisUrl: string;
  /** TLS towards Redis: `accept` takes a self-signed certificate, as Heroku's Redis has. Only meaningful with rediss://. */
  readonly redisTls: 'off' | 'accept' | 'verify';
  /** APP_NAME: prefix of every Redis key and name of the PostgreSQL schema. */
  readonly appName: string;
  readonly port: number;
  /** Address the web listens on; loopback in development without tokens. */
  readonly host: string;
  /** QUEUES: what this process works on, and with how many slots. */
  readonly lanes: readonly Lane[];
  /** QUEUE_LIMITS: most waiting tasks per queue before an enqueue is answered 429. A queue not named here has no limit. */
  readonly queueLimits: ReadonlyMap<string, number>;
  /** MAX_UNRECORDED: tasks that ended in this process but are not committed yet; full ⇒ nothing new starts. */
  readonly maxUnrecorded: number;
  /** CRASH_LIMIT: a task that has been charged that many deaths of its worker is FAILED as `crashed`. */
  readonly crashLimit: number;
  /** SHUTDOWN_GRACE in ms: from SIGTERM to the moment the process must be gone. */
  readonly shutdownGraceMs: number;
  /** The last part of the grace, kept for handing over: max(1 s, grace / 5). */
  readonly handoverMarginMs: number;
  /** BLOCKED_LIMIT in ms: a main loop blocked for longer ends its own process. */
  readonly blockedLimitMs: number;
  /** WEB_CONCURRENCY: processes of the web role. */
  readonly webConcurrency: number;
  /** EMBED_WORKER=1: the web dyno also runs a worker process. */
  readonly embedWorker: boolean;
  /** DATABASE_POOL: most PostgreSQL connections of this process. */
  readonly databasePoolSize: number;
  readonly smtpUrl: string | null;
  readonly mailFrom: string;
  readonly admins: readonly string[];
  /** MAIL_CAP_PER_HOUR: mails an hour over all causes, then one summary. */
  readonly mailCapPerHour: number;
  /** PUBLIC_URL without a trailing slash: where links in mails lead. */
  readonly publicUrl: string;
  readonly tokens: readonly Token[];
  /** RELEASE: what a drain wish is bound to. */
  readonly release: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** RETENTION_DAYS: finished tasks and their logs are pruned after this many days. */
  readonly retentionDays: number;
  /** STORAGE_DIR: where the demo jobs read and write files; absolute. */
  readonly storageDir: string;
  /** DATA_DIR: where development keeps mails; absolute. */
  readonly dataDir: string;
  readonly webhookSecret: string | null;
  readonly webhookAllowPrivate: boolean;
}

/** A setting that works but that a person should know about. */
export type SettingsWarning = string;
