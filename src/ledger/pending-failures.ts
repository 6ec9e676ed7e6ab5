import { Injectable } from '@nestjs/common';
import type { JsonValue } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';
import { noteSql } from './digest-note.js';
import type { FailureKind } from './failed-task-row.js';
import type { ErrorJson } from './task-row.js';

/** A task that FAILED and has no FailedTask yet. */
export interface UnrecordedFailure {
  readonly task: string;
  /** The same for failures that look alike: job, kind, error class and frames (or the message of one without frames). */
  readonly cause: string;
}

/** As much of a failure as a fingerprint needs. */
export interface FailureDetails {
  readonly task: string;
  readonly kind: FailureKind;
  readonly job: string;
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
}

/** A recorded failure that this process has claimed, with what its handlers may want to know. */
export interface ClaimedFailure {
  readonly failedTask: string;
  readonly task: string;
  readonly kind: FailureKind;
  readonly job: string;
  readonly queue: string;
  readonly key: string | null;
  readonly fingerprint: string;
  readonly failedAt: Date;
  readonly error: ErrorJson | null;
  readonly payload: JsonValue;
  readonly secretPaths: readonly string[] | null;
  readonly attempts: number;
  /** Which claim of this failure this is, 1 first. Earlier ones ended with their process. */
  readonly claims: number;
}

/**
 * Failures that nobody has finished handling. A row is opened by the very statement that writes FAILED and deleted when
 * everything has been done about it, so no crash in between can lose one.
 */
@Injectable()
export class PendingFailures {
  constructor(private readonly postgres: Postgres) {}

  /** Up to `limit` failures without a FailedTask. Whoever records them first has them. */
  async unrecorded(limit: number): Promise<UnrecordedFailure[]> {
    return this.postgres.query<UnrecordedFailure>(UNRECORDED, [limit]);
  }

  async details(tasks: readonly string[]): Promise<FailureDetails[]> {
    return this.postgres.query<FailureDetails>(DETAILS, [tasks]);
  }

  /**
   * Claims up to `limit` recorded failures for this process: never tried ones, or those (`suspect`) that an earlier claim
   * did not bring to an end. A claim is taken over when its process is gone, or after a minute.
   */
  async claim(processId: string, which: 'fresh' | 'suspect', limit: number): Promise<ClaimedFailure[]> {
    return this.postgres.query<ClaimedFailure>(which === 'fresh' ? CLAIM_FRESH : CLAIM_SUSPECT, [
      processId,
      limit,
    ]);
  }

  /**
   * Everything is done about these, as far as this process still holds them: whoever lost a claim says nothing, because
   * whoever took it over does. The admins are to hear of those that no handler took care of (`handledBy` null), in the
   * same commit; `noteIntervalsMs` null: there is nobody to hear.
   */
  async close(
    ended: readonly { task: string; handledBy: string | null }[],
    processId: string,
    noteIntervalsMs: readonly number[] | null,
  ): Promise<void> {
    await this.postgres.query(CLOSE, [
      ended.map(({ task }) => task),
      ended.map(({ handledBy }) => handledBy),
      processId,
      noteIntervalsMs ?? [],
    ]);
  }

  /** Gives claims back as if they had never been made: this process is stopping. */
  async release(tasks: readonly string[], processId: string): Promise<void> {
    if (tasks.length > 0) await this.postgres.query({ text: RELEASE }, [tasks, processId]);
  }

  /** Closes up to `limit` failures that no process with the worker role has handled for ten minutes; answers how many. */
  async closeAbandoned(limit: number, noteIntervalsMs: readonly number[] | null): Promise<number> {
    return (await this.postgres.query({ text: CLOSE_ABANDONED }, [limit, noteIntervalsMs ?? []])).length;
  }
}

// Compared at the server, like every time here: the clocks of the processes need not agree.
const CLAIMABLE = `(p.claimed_by IS NULL OR p.claimed_at < now() - interval '60 seconds' OR NOT EXISTS (
  SELECT 1 FROM shiftwork.process o WHERE o.id = p.claimed_by AND o.gone_at IS NULL AND o.left_at IS NULL))`;

// A stack begins with the message; its frames begin at the first line that says "at".
const FRAMES = String.raw`nullif(position(E'\n    at ' IN e.error->>'stack'), 0)`;
const UNRECORDED = {
  name: 'failures-unrecorded',
  text: `
  SELECT p.task_id AS task, md5(concat_ws(E'\n', t.job, p.kind, e.error->>'name',
           coalesce(substr(e.error->>'stack', ${FRAMES}), e.error->>'message'))) AS cause
    FROM (SELECT task_id, kind FROM shiftwork.pending_failure WHERE recorded_at IS NULL LIMIT $1) p
    JOIN shiftwork.task t ON t.id = p.task_id JOIN shiftwork.ended e ON e.id = p.task_id`,
};

const DETAILS = {
  name: 'failures-details',
  text: `
  SELECT p.task_id AS task, p.kind, t.job, coalesce(e.error->>'name', 'Error') AS name,
         coalesce(e.error->>'message', '') AS message, e.error->>'stack' AS stack
    FROM shiftwork.pending_failure p JOIN shiftwork.task t ON t.id = p.task_id JOIN shiftwork.ended e ON e.id = p.task_id
   WHERE p.task_id = ANY($1::uuid[])`,
};

const CLOSE = {
  name: 'failures-close',
  text: `
  WITH ended AS (SELECT * FROM unnest($1::uuid[], $2::text[]) AS e(task, handled_by)),
  gone AS (DELETE FROM shiftwork.pending_failure WHERE task_id = ANY($1::uuid[]) AND claimed_by = $3 RETURNING task_id),
  handled AS (
    UPDATE shiftwork.failed_task f SET handled_by = e.handled_by FROM ended e
     WHERE f.task = e.task AND e.handled_by IS NOT NULL),
  fresh AS (
    SELECT DISTINCT f.fingerprint FROM gone g JOIN ended e ON e.task = g.task_id AND e.handled_by IS NULL
      JOIN shiftwork.failed_task f ON f.task = e.task WHERE cardinality($4::float8[]) > 0)
  ${noteSql('SELECT fingerprint FROM fresh', '$4')}`,
};

const CLOSE_ABANDONED = `
  WITH gone AS (
    DELETE FROM shiftwork.pending_failure d USING (
      SELECT p.task_id FROM shiftwork.pending_failure p
       WHERE p.recorded_at IS NOT NULL AND p.opened_at < now() - interval '10 minutes' AND ${CLAIMABLE}
       LIMIT $1 FOR UPDATE SKIP LOCKED) old WHERE d.task_id = old.task_id RETURNING d.task_id),
  fresh AS (
    SELECT DISTINCT f.fingerprint FROM gone g JOIN shiftwork.failed_task f ON f.task = g.task_id
     WHERE cardinality($2::float8[]) > 0),
  noted AS (${noteSql('SELECT fingerprint FROM fresh', '$2')})
  SELECT task_id FROM gone`;

const RELEASE = `UPDATE shiftwork.pending_failure SET claimed_by = NULL, claimed_at = NULL, claims = claims - 1
  WHERE task_id = ANY($1::uuid[]) AND claimed_by = $2`;

const CLAIM_FRESH = { name: 'failure-claim', text: claimSql('p.claims = 0') };
const CLAIM_SUSPECT = { name: 'failure-claim-suspect', text: claimSql('p.claims > 0') };

function claimSql(which: string): string {
  return `
  UPDATE shiftwork.pending_failure claimed
     SET claimed_by = $1, claimed_at = now(), claims = claimed.claims + 1
    FROM (SELECT p.task_id FROM shiftwork.pending_failure p
           WHERE p.recorded_at IS NOT NULL AND ${which} AND ${CLAIMABLE}
           ORDER BY p.opened_at LIMIT $2 FOR UPDATE SKIP LOCKED) picked
    JOIN shiftwork.failed_task f ON f.task = picked.task_id
    JOIN shiftwork.task t ON t.id = picked.task_id
    JOIN shiftwork.ended e ON e.id = picked.task_id
    LEFT JOIN shiftwork.job_definition d ON d.name = t.job
   WHERE claimed.task_id = picked.task_id
  RETURNING f.id AS "failedTask", f.task, f.kind, f.job, f.queue, f.key, f.fingerprint, f.failed_at AS "failedAt", e.error,
            t.payload, d.secret_paths AS "secretPaths", e.attempts_made AS attempts, claimed.claims`;
}
