import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Batcher } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';
import { ClaimLostError } from './ledger-errors.js';

/** How far an execution is. */
export interface ProgressNote {
  readonly id: string;
  readonly claim: string;
  readonly percent: number;
  readonly message: string | null;
}

/** What a running execution is told when it writes: whether it still owns its task, and whether somebody wants it to stop. */
export type WriteAnswer =
  | { readonly owned: true; readonly cancelRequested: boolean; readonly version: number }
  | { readonly owned: false };

/** Progress and checkpoints of running executions; each write says its claim, and a lost claim changes nothing. */
@Injectable()
export class RecordProgress {
  private readonly notes: Batcher<ProgressNote, WriteAnswer>;

  constructor(private readonly postgres: Postgres) {
    this.notes = new Batcher((notes) => this.flush(notes), { maxItems: 200, inFlight: 1 });
  }

  /** Group-committed. A row that its own transaction holds locked is skipped and reported as owned: the next note follows. */
  record(note: ProgressNote): Promise<WriteAnswer> {
    return this.notes.add(note);
  }

  /**
   * Saves a checkpoint; when it resolves the checkpoint is committed, or, with a manager, will be with the caller's
   * transaction. `stateText` is JSON text. Answers `owned: false` when the claim is lost; with a manager it throws
   * `ClaimLostError` instead, so that the transaction rolls back.
   */
  async checkpoint(
    id: string,
    claim: string,
    stateText: string,
    manager?: EntityManager,
  ): Promise<WriteAnswer> {
    const [row] = await this.postgres.queryIn<{ cancel: boolean; version: string }>(manager, CHECKPOINT, [
      id,
      claim,
      stateText,
    ]);
    if (row !== undefined) return { owned: true, cancelRequested: row.cancel, version: Number(row.version) };
    if (manager !== undefined) throw new ClaimLostError(id);
    return { owned: false };
  }

  private async flush(notes: readonly ProgressNote[]): Promise<WriteAnswer[]> {
    const rows = await this.postgres.query<{ id: string; claim: string; cancel: boolean; version: string }>(
      NOTE,
      [
        notes.map((note) => note.id),
        notes.map((note) => note.claim),
        notes.map((note) => note.percent),
        notes.map((note) => note.message),
      ],
    );
    const byClaim = new Map(rows.map((row) => [row.claim, row]));
    return notes.map((note) => {
      const row = byClaim.get(note.claim);
      return row === undefined
        ? { owned: false }
        : { owned: true, cancelRequested: row.cancel, version: Number(row.version) };
    });
  }
}

const NOTE = {
  name: 'progress',
  replans: true,
  text: `WITH mine AS MATERIALIZED (
    SELECT l.id, n.claim, n.percent, n.message
      FROM unnest($1::uuid[], $2::text[], $3::real[], $4::text[]) AS n(id, claim, percent, message) JOIN shiftwork.live l ON l.id = n.id
     WHERE l.status = 'STARTED' AND l.claim = n.claim ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED),
  noted AS (
    UPDATE shiftwork.live l SET progress_percent = m.percent, progress_message = m.message, version = l.version + 1
      FROM mine m WHERE l.id = m.id RETURNING l.id)
  SELECT l.id, l.claim, l.cancel_requested_at IS NOT NULL AS cancel, l.version + 1 AS version
    FROM shiftwork.live l JOIN unnest($1::uuid[], $2::text[]) AS n(id, claim) ON l.id = n.id AND l.claim = n.claim AND l.status = 'STARTED'`,
};

const CHECKPOINT = `WITH kept AS (
    UPDATE shiftwork.live SET checkpoint = $3::jsonb, checkpoint_at = now(), version = version + 1
     WHERE id = $1 AND claim = $2 AND status = 'STARTED'
    RETURNING cancel_requested_at IS NOT NULL AS cancel, version)
  SELECT cancel, version FROM kept`;
