import { Injectable } from '@nestjs/common';
import type { Backoff, JsonValue } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';

/** What the ledger keeps of a job, so that a process without its class can validate and show it. */
export interface StoredJob {
  readonly name: string;
  readonly queue: string;
  readonly payloadSchema: JsonValue;
  /** Dotted paths of fields marked `@Secret()`. */
  readonly secretPaths: readonly string[];
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly timeoutMs: number | null;
  readonly onWorkerLost: 'rerun' | 'fail';
}

/** The jobs of the newest release that booted, by name. */
@Injectable()
export class JobDefinitions {
  constructor(private readonly postgres: Postgres) {}

  /** Writes what changed; called once at boot by each process that has job classes. */
  async save(jobs: readonly StoredJob[]): Promise<void> {
    if (jobs.length === 0) return;
    await this.postgres.query(
      {
        text: `INSERT INTO shiftwork.job_definition AS d (name, queue, payload_schema, secret_paths, attempts, backoff, timeout_ms, on_worker_lost)
        SELECT j.name, j.queue, j."payloadSchema", j."secretPaths", j.attempts, j.backoff, j."timeoutMs", j."onWorkerLost"
          FROM jsonb_to_recordset($1::jsonb) AS j(name text, queue text, "payloadSchema" jsonb, "secretPaths" jsonb, attempts int, backoff jsonb, "timeoutMs" int, "onWorkerLost" text)
         ORDER BY j.name
        ON CONFLICT (name) DO UPDATE
          SET queue = excluded.queue, payload_schema = excluded.payload_schema, secret_paths = excluded.secret_paths, attempts = excluded.attempts,
              backoff = excluded.backoff, timeout_ms = excluded.timeout_ms, on_worker_lost = excluded.on_worker_lost, updated_at = now()
          WHERE (d.queue, d.payload_schema, d.secret_paths, d.attempts, d.backoff, d.timeout_ms, d.on_worker_lost)
            IS DISTINCT FROM (excluded.queue, excluded.payload_schema, excluded.secret_paths, excluded.attempts, excluded.backoff, excluded.timeout_ms, excluded.on_worker_lost)`,
      },
      [JSON.stringify(jobs)],
    );
  }

  async all(): Promise<StoredJob[]> {
    return this.postgres.query<StoredJob & object>({ text: `${SELECT} ORDER BY name` });
  }

  async find(name: string): Promise<StoredJob | null> {
    const [row] = await this.postgres.query<StoredJob & object>({ text: `${SELECT} WHERE name = $1` }, [
      name,
    ]);
    return row ?? null;
  }
}

const SELECT = `SELECT name, queue, payload_schema AS "payloadSchema", secret_paths AS "secretPaths", attempts, backoff,
  timeout_ms AS "timeoutMs", on_worker_lost AS "onWorkerLost" FROM shiftwork.job_definition`;
