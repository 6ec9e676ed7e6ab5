import type { Settings } from '../config/index.js';
import { MINUTE, SECOND } from '../foundation/index.js';

/**
 * How every connection of ours to PostgreSQL is opened. Numbers and why:
 * - connect within 2 s, so that an enqueue is answered 503 within 3 s when the server is away;
 * - a statement may take 30 s, then the server stops it: nothing of ours is slower, and a lost plan must not hang a worker;
 * - 60 s idle inside a transaction, then the server ends it: a frozen worker must not hold row locks for ever.
 */
export function connectionOptions(settings: Settings): {
  connectionString: string;
  ssl: false | { rejectUnauthorized: boolean };
  application_name: string;
  connectionTimeoutMillis: number;
  keepAlive: boolean;
  keepAliveInitialDelayMillis: number;
  idle_in_transaction_session_timeout: number;
  statement_timeout: number;
} {
  return {
    connectionString: withoutSslMode(settings.databaseUrl),
    ssl: settings.databaseTls === 'off' ? false : { rejectUnauthorized: settings.databaseTls === 'verify' },
    application_name: `${settings.appName}:${settings.roles.join('+') || 'cli'}`,
    connectionTimeoutMillis: 2 * SECOND,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10 * SECOND,
    idle_in_transaction_session_timeout: MINUTE,
    statement_timeout: 30 * SECOND,
  };
}

// pg reads sslmode from the URL in its own way and would override `ssl` above; config has already understood it.
function withoutSslMode(url: string): string {
  const parsed = new URL(url);
  parsed.searchParams.delete('sslmode');
  return parsed.toString();
}
