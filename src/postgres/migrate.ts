import { Client } from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import { type Settings } from '../config/index.js';
import { ShiftworkError } from '../foundation/index.js';
import { connectionOptions } from './connection-options.js';
import { asLedgerError } from './ledger-unavailable.js';
import { MIGRATIONS, type MigrationStep } from './migrations/index.js';

/** The schema was migrated by a newer release than this code: running would misread it. */
export class SchemaTooNewError extends ShiftworkError {
  readonly code = 'schema-too-new';
  constructor(unknown: readonly string[]) {
    super(
      `The schema has steps that this release does not know (${unknown.join(', ')}). Deploy the release that added them, or a newer one.`,
      { unknown },
    );
  }
}

/**
 * Applies what is missing, oldest first, in one transaction, and answers the names of the applied steps. Safe to call
 * from any number of processes at once: they queue behind one lock, and all but the first find nothing to do.
 */
export async function migrate(settings: Settings): Promise<string[]> {
  return underLock(settings, async () => {
    const source = await open(settings);
    try {
      await refuseNewer(settings);
      const applied = await source.runMigrations({ transaction: 'all' });
      return applied.map((step) => stepName(step.name));
    } finally {
      await source.destroy();
    }
  });
}

/** Names of the steps that `migrate` would apply. A schema that is newer than this code is no reason to refuse here. */
export async function pendingMigrations(settings: Settings): Promise<string[]> {
  const done = new Set(await appliedMigrations(settings));
  return MIGRATIONS.filter((step) => !done.has(step.name)).map((step) => step.name);
}

/** As `pendingMigrations`; throws `SchemaTooNewError` where `migrate` would. */
export async function checkedMigrations(settings: Settings): Promise<string[]> {
  await refuseNewer(settings);
  return pendingMigrations(settings);
}

/** Names of the steps that a later release has applied. */
export async function unknownMigrations(settings: Settings): Promise<string[]> {
  const known = new Set(MIGRATIONS.map((step) => step.name));
  return (await appliedMigrations(settings)).filter((name) => !known.has(name));
}

async function appliedMigrations(settings: Settings): Promise<string[]> {
  const client = new Client(connectionOptions(settings));
  client.on('error', () => undefined); // the query that follows reports it
  try {
    await client.connect();
    return await appliedNames(client, settings.appName);
  } catch (error) {
    throw asLedgerError(error);
  } finally {
    await client.end().catch(() => undefined); // never connected: nothing to end
  }
}

// A transaction-scoped lock on a connection of its own: session locks do not hold behind PgBouncer's transaction pooling.
async function underLock<T>(settings: Settings, work: () => Promise<T>): Promise<T> {
  const client = new Client({
    ...connectionOptions(settings),
    statement_timeout: 0,
    idle_in_transaction_session_timeout: 0,
  });
  client.on('error', () => undefined); // the query in flight reports it
  try {
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [
      `shiftwork.migrate.${settings.appName}`,
    ]);
    await createSchema(settings);
    return await work();
  } catch (error) {
    throw asLedgerError(error);
  } finally {
    await client.query('COMMIT').catch(() => undefined); // a broken connection has released the lock already
    await client.end().catch(() => undefined);
  }
}

// Looked for first: to create it wants a right on the database, also where it is there.
async function createSchema(settings: Settings): Promise<void> {
  const client = new Client(connectionOptions(settings));
  client.on('error', () => undefined); // the query that follows reports it
  await client.connect();
  try {
    const { rows } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [settings.appName]);
    if (rows.length === 0) await client.query(`CREATE SCHEMA "${settings.appName}"`);
  } finally {
    await client.end();
  }
}

async function open(settings: Settings): Promise<DataSource> {
  const options = connectionOptions(settings);
  const source = new DataSource({
    type: 'postgres',
    url: options.connectionString,
    ssl: options.ssl,
    schema: settings.appName,
    migrationsTableName: 'migration',
    migrations: MIGRATIONS.map((step, i) => migrationClass(step, i, settings.appName)),
    connectTimeoutMS: options.connectionTimeoutMillis,
    installExtensions: false,
    poolSize: 1,
  });
  return source.initialize();
}

async function refuseNewer(settings: Settings): Promise<void> {
  const unknown = await unknownMigrations(settings);
  if (unknown.length > 0) throw new SchemaTooNewError(unknown);
}

async function appliedNames(client: Client, schema: string): Promise<string[]> {
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${schema}' AND table_name = 'migration'`,
  );
  if (tables.length === 0) return [];
  const { rows } = await client.query<{ name: string }>(`SELECT name FROM "${schema}".migration ORDER BY id`);
  return rows.map((row) => stepName(row.name));
}

// TypeORM orders migrations by the 13 digits at the end of their name; ours are ordered by their number.
const FIRST_TIMESTAMP = 1_760_000_000_000;

function migrationClass(step: MigrationStep, index: number, schema: string): new () => MigrationInterface {
  return class implements MigrationInterface {
    readonly name = `${step.name}-${String(FIRST_TIMESTAMP + index)}`;
    async up(runner: QueryRunner): Promise<void> {
      await runner.query(step.up.replaceAll(/\bshiftwork\./g, `"${schema}".`));
    }
    down(): Promise<void> {
      throw new Error(
        `${step.name} has no way back: migrations only go forward. Restore a backup, or write the next step.`,
      );
    }
  };
}

function stepName(typeOrmName: string): string {
  return typeOrmName.replace(/-\d{13}$/, '');
}
