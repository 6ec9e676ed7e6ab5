import type { Client } from 'pg';
import { ATTEMPT_MS } from '../times.js';
import type { ThreadOptions } from './messages.js';

/**
 * The beat into our row of table `process`, for as long as Redis is away. Its connection is opened only then, and closed when
 * Redis is back: an idle fleet must cost PostgreSQL nothing.
 */
export class LedgerPulse {
  private client: Client | undefined;

  constructor(private readonly options: ThreadOptions) {}

  /** False: our row says that we are gone. Rejects when PostgreSQL is away, too. */
  async beat(id: string): Promise<boolean> {
    try {
      const client = (this.client ??= await this.open());
      const { rowCount } = await client.query(
        `UPDATE "${this.options.appName}".process SET beat_at = now() WHERE id = $1 AND gone_at IS NULL`,
        [id],
      );
      return rowCount === 1;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    const client = this.client;
    this.client = undefined;
    client?.end().catch(() => undefined); // it is being thrown away
  }

  private async open(): Promise<Client> {
    const { Client } = (await import('pg')).default; // a few MB that most processes never need
    const url = new URL(this.options.databaseUrl);
    url.searchParams.delete('sslmode'); // already understood: databaseTls
    const client = new Client({
      connectionString: url.toString(),
      ssl:
        this.options.databaseTls === 'off'
          ? false
          : { rejectUnauthorized: this.options.databaseTls === 'verify' },
      application_name: `${this.options.appName}:heartbeat`,
      connectionTimeoutMillis: ATTEMPT_MS,
      query_timeout: ATTEMPT_MS,
    });
    client.on('error', () => {
      if (this.client === client) this.client = undefined;
    });
    await client.connect();
    return client;
  }
}
