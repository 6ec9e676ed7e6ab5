import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Pool, type PoolClient, type QueryResult, type QueryResultRow } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { SETTINGS, type Settings } from '../config/index.js';
import { monotonicMs, Turnstile } from '../foundation/index.js';
import { connectionOptions } from './connection-options.js';
import { asLedgerError, isUnavailable } from './ledger-unavailable.js';
import { onConnection } from './on-connection.js';
import { patientClient } from './patient-client.js';

/** SQL written against the schema name `shiftwork.`; a `name` makes it a prepared statement of each connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  /**
   * Its best plan depends on how much is queued, and a connection would keep its first one for good: so plans older than a second are
   * not used. (A burst of 100,000 tasks met an idle worker, whose plans read the whole table for every batch of starts and
   * ends: 13,000 a second instead of 30,000, until autovacuum came by.) Default: false.
   */
  readonly replans?: boolean;
}

/** Injection token of the entity classes that the rooms above register. */
export const ENTITIES = Symbol('shiftwork.entities');

/**
 * The door to PostgreSQL. Two pools, so that jobs that hold their own transactions open never keep an outcome from
 * being written: a small one for the ledger's short statements, and the `DataSource`'s for entities and transactions.
 * Together they take at most DATABASE_POOL connections. Every error about the server is a `LedgerUnavailableError`.
 */
@Injectable()
export class Postgres implements OnApplicationShutdown {
  /** Entities and transactions; initialised before the app's modules start. */
  readonly dataSource: DataSource;
  readonly schema: string;
  private readonly pool: Pool;
  private readonly people = new Turnstile(FOR_PEOPLE);
  private readonly rewritten = new Map<string, string>();
  private readonly plansSince = new WeakMap<PoolClient, number>();
  private readonly brokenListeners: (() => void)[] = [];
  private closed: Promise<void> | undefined;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(ENTITIES) entities: readonly (new () => object)[],
  ) {
    this.schema = settings.appName;
    const options = connectionOptions(settings);
    const hot = Math.max(2, Math.min(HOT_CONNECTIONS, Math.floor(settings.databasePoolSize / 2)));
    this.pool = new Pool({ ...options, max: hot, idleTimeoutMillis: 0 });
    // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
    this.pool.on('error', () => {
      this.tellBroken();
    });
    this.dataSource = new DataSource({
      type: 'postgres',
      url: options.connectionString,
      ssl: options.ssl,
      schema: this.schema,
      entities: [...entities],
      poolSize: Math.max(2, settings.databasePoolSize - hot),
      applicationName: options.application_name,
      connectTimeoutMS: options.connectionTimeoutMillis,
      poolErrorHandler: () => undefined,
      installExtensions: false,
      extra: {
        Client: patientClient(ANSWER_TIMEOUT_MS),
        keepAlive: true,
        keepAliveInitialDelayMillis: options.keepAliveInitialDelayMillis,
        idle_in_transaction_session_timeout: options.idle_in_transaction_session_timeout,
        statement_timeout: options.statement_timeout,
      },
    });
  }

  /** One statement on the ledger's pool. Resolves when the server has answered: for a write, when it is committed. */
  async query<Row extends QueryResultRow>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    try {
      const text = this.sql(statement.text);
      const named =
        statement.name === undefined
          ? { text, values: [...values] }
          : { name: statement.name, text, values: [...values] };
      const { rows } = await onConnection<QueryResult<Row>>(this.pool, QUERY_TIMEOUT_MS, (client, done) => {
        if (statement.replans === true) this.renewPlans(client);
        client.query<Row>(named, done);
      });
      return rows;
    } catch (error) {
      if (error instanceof Error) Error.captureStackTrace(error); // it led to a socket; who asked is of more use
      if (isUnavailable(error)) this.tellBroken();
      throw asLedgerError(error);
    }
  }

  /** The same inside the caller's transaction; without one, on the ledger's pool. */
  async queryIn<Row extends QueryResultRow>(
    manager: EntityManager | undefined,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    if (manager === undefined) return this.query<Row>({ text }, values);
    try {
      const result: unknown = await manager.query(this.sql(text), [...values]);
      return rowsOf<Row>(result);
    } catch (error) {
      throw asLedgerError(error);
    }
  }

  /**
   * A question of people, which may take a while with millions of rows: two at a time, so that accepts, starts and ends always find
   * a connection.
   */
  readForPeople<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.people.pass(() => this.query<Row>({ text }, values));
  }

  /** Runs `work` in a transaction of the ledger's data source; commits when it resolves, rolls back when it throws. */
  async transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await this.dataSource.transaction(work);
    } catch (error) {
      throw asLedgerError(error);
    }
  }

  /** Runs `work` on one connection of the ledger's pool, for statements that belong together (SET LOCAL, savepoints). */
  async withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    try {
      return await onConnection<T>(this.pool, QUERY_TIMEOUT_MS, (client, done) => {
        work(client).then((value) => {
          done(null, value);
        }, done);
      });
    } catch (error) {
      if (isUnavailable(error)) this.tellBroken();
      throw asLedgerError(error);
    }
  }

  /** Calls back when a connection has broken or a statement got no answer: the server may have crashed, and lost what was not on its disk. */
  onBroken(listener: () => void): void {
    this.brokenListeners.push(listener);
  }

  /** The text with our schema in place of `shiftwork.`. */
  sql(text: string): string {
    const known = this.rewritten.get(text);
    if (known !== undefined) return known;
    const rewritten = text.replaceAll(/\bshiftwork\./g, `"${this.schema}".`);
    this.rewritten.set(text, rewritten);
    return rewritten;
  }

  /** Closes both pools; later calls get the first one's promise. */
  close(): Promise<void> {
    return (this.closed ??= this.closeAll());
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  private renewPlans(client: PoolClient): void {
    const now = monotonicMs();
    const since = this.plansSince.get(client);
    if (since !== undefined && now - since < PLANS_LAST_MS) return;
    this.plansSince.set(client, now);
    if (since !== undefined) client.query('DISCARD PLANS', () => undefined); // a connection that breaks tells the statement behind it
  }

  private tellBroken(): void {
    for (const listener of this.brokenListeners) listener();
  }

  private async closeAll(): Promise<void> {
    await Promise.allSettled([
      this.pool.end(),
      this.dataSource.isInitialized ? this.dataSource.destroy() : Promise.resolve(),
    ]);
  }
}

/** Two flights of starts and three of successes; whatever else there is waits until one of them is back. */
const HOT_CONNECTIONS = 5;
/** Of these, so many for what people ask. */
const FOR_PEOPLE = 2;
/** To make them anew takes PostgreSQL less than a millisecond. */
const PLANS_LAST_MS = 1_000;
/** Far longer than any of ours takes, short enough to notice a server that is frozen. The server goes on until its statement_timeout. */
const QUERY_TIMEOUT_MS = 10_000;
/** Of entities and transactions, in which a job may take as long as statement_timeout allows: what is not answered by then never will be. */
const ANSWER_TIMEOUT_MS = 35_000;

// TypeORM answers [rows, count] for UPDATE and DELETE and rows for the rest.
function rowsOf<Row>(result: unknown): Row[] {
  if (!Array.isArray(result)) return [];
  const [first, second] = result as unknown[];
  if (result.length === 2 && Array.isArray(first) && typeof second === 'number') return first as Row[];
  return result as Row[]; // the caller names the row shape of its own SQL
}
