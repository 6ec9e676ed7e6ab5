import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';

/** What the ledger keeps of a process: its history names the release of each execution. */
export interface ProcessIdentity {
  readonly id: string;
  readonly roles: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly release: string;
}

/**
 * The ledger's roll: whose starts are accepted. A start locks this row (`FOR SHARE`) and wants it not gone; a rescuer sets
 * it gone first. So no start of a dead process can follow its rescue, however late it arrives (PROTOCOL 10b).
 * Rows are kept after their process, as long as the tasks that it ran; retention prunes them.
 */
@Injectable()
export class Processes {
  constructor(private readonly postgres: Postgres) {}

  /** From here on its starts are accepted. Twice is fine. Answers the database's time. */
  async register({ id, roles, host, pid, release }: ProcessIdentity): Promise<Date> {
    const [row] = await this.postgres.query<{ now: Date }>(
      {
        text: `WITH known AS (
          INSERT INTO shiftwork.process (id, roles, host, pid, release) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING)
        SELECT clock_timestamp() AS now`,
      },
      [id, roles, host, pid, release],
    );
    return row?.now ?? new Date();
  }

  /**
   * From here on its starts are refused. `beating`: it has shown itself in the ledger within `deadAfterMs` (it is cut off from
   * Redis only), and nothing was changed. `unknown`: nothing of it is left here; its starts are refused anyway.
   */
  async gone(id: string, deadAfterMs: number): Promise<'gone' | 'beating' | 'unknown'> {
    const [row] = await this.postgres.query<{ gone: boolean }>(
      {
        text: `WITH found AS (SELECT id, gone_at, beat_at FROM shiftwork.process WHERE id = $1 FOR NO KEY UPDATE),
             marked AS (
               UPDATE shiftwork.process p SET gone_at = now() FROM found f
                WHERE p.id = f.id AND f.gone_at IS NULL AND (f.beat_at IS NULL OR f.beat_at < now() - $2 * interval '1 millisecond')
               RETURNING p.id)
             SELECT gone_at IS NOT NULL OR EXISTS (SELECT 1 FROM marked) AS gone FROM found`,
      },
      [id, deadAfterMs],
    );
    if (row === undefined) return 'unknown';
    return row.gone ? 'gone' : 'beating';
  }

  /** Whether somebody has declared it gone, so that its starts are refused. */
  async isGone(id: string): Promise<boolean> {
    const rows = await this.postgres.query(
      { text: 'SELECT 1 FROM shiftwork.process WHERE id = $1 AND gone_at IS NULL' },
      [id],
    );
    return rows.length === 0;
  }

  /** Everything that it had started waits again or has ended. */
  async resolved(id: string): Promise<void> {
    await this.postgres.query(
      { text: 'UPDATE shiftwork.process SET resolved_at = now() WHERE id = $1 AND resolved_at IS NULL' },
      [id],
    );
  }

  /** Everything that it has started and not ended. Reads all that is live: for the way out, not for every day. */
  async stillStarted(id: string): Promise<string[]> {
    const rows = await this.postgres.query<{ id: string }>(
      { text: `SELECT id FROM shiftwork.live WHERE worker = $1 AND status = 'STARTED' ORDER BY id` },
      [id],
    );
    return rows.map((row) => row.id);
  }

  /** It leaves by itself. With `owes`: some of its tasks are still STARTED, and a rescuer must see to them. */
  async left(id: string, { owes }: { owes: boolean }): Promise<void> {
    await this.postgres.query(
      {
        text: `UPDATE shiftwork.process SET left_at = now(), gone_at = coalesce(gone_at, now()), resolved_at = CASE WHEN $2 THEN resolved_at ELSE now() END
              WHERE id = $1`,
      },
      [id, owes],
    );
  }

  /** The value of `MISSING_PROCESSES` now. */
  async missing(): Promise<readonly string[]> {
    const [row] = await this.postgres.query<{ ids: string[] | null }>({
      text: `SELECT ${MISSING_PROCESSES} AS ids`,
    });
    return row?.ids ?? [];
  }
}

/**
 * SQL: ids of processes that should be on the roll, or be rescued if they are not: registered, not rescued to the end, and not
 * beating into the ledger; and whoever has started tasks without being registered. null: none. The live ones are among them: only
 * Redis knows who beats.
 */
export const MISSING_PROCESSES = `(
  SELECT json_agg(id) FROM (
    SELECT id FROM shiftwork.process
     WHERE resolved_at IS NULL AND greatest(booted_at, beat_at) < now() - interval '6 seconds'
    UNION
    SELECT l.worker FROM shiftwork.live l
     WHERE l.status = 'STARTED' AND l.worker IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM shiftwork.process p WHERE p.id = l.worker AND p.resolved_at IS NULL)) AS missing)`;
