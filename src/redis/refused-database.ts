import { SettingsError } from '../config/index.js';

// What will not pass by itself: no such database, none at all (Redis Cluster), not for this user.
const FOR_GOOD = /DB index|cluster mode|NOPERM/;

/** Whether this is the server's answer to the SELECT with which a connection begins. */
export function isRefusedSelect(error: Error): boolean {
  return selected(error) !== undefined;
}

/** The fault of REDIS_URL, when the server will never let us into the database that it names. */
export function databaseFault(error: unknown): SettingsError | undefined {
  if (!(error instanceof Error) || !FOR_GOOD.test(error.message)) return undefined;
  const database = selected(error);
  if (database === undefined) return undefined;
  return new SettingsError([
    `REDIS_URL names the database ${database}, which Redis refuses: ${error.message}. Example: REDIS_URL=redis://host:6379/0`,
  ]);
}

function selected(error: Error): string | undefined {
  if (!('command' in error)) return undefined;
  const { name, args } = error.command as { name: string; args: unknown[] }; // ioredis adds it to what a server answers
  return name === 'select' ? String(args[0]) : undefined;
}
