import { Injectable } from '@nestjs/common';
import { newId } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';
import { noteSql } from './digest-note.js';

/** What follows on the record. */
export interface AfterRecord {
  /** Jobs whose failures the users' handlers are to see: those stay pending. Null: every job's. */
  readonly handledJobs: readonly string[] | null;
  /** For all others nothing follows but the admins' digest: noted, and the failure closed, in the same commit. Null: nobody is to hear. */
  readonly noteIntervalsMs: readonly number[] | null;
}

/** How many FailedTasks were written, and how many of those wait for handlers. */
export interface RecordedFailures {
  readonly recorded: number;
  readonly waiting: number;
}

/** Writes FailedTasks: one per pending failure, however often and by however many it is asked. */
@Injectable()
export class RecordFailedTasks {
  constructor(private readonly postgres: Postgres) {}

  /** In one statement; those that somebody else is just recording are skipped. */
  async record(
    failures: readonly { task: string; fingerprint: string }[],
    after: AfterRecord,
  ): Promise<RecordedFailures> {
    const [row] = await this.postgres.query<RecordedFailures & object>(RECORD, [
      failures.map(() => newId()),
      failures.map(({ task }) => task),
      failures.map(({ fingerprint }) => fingerprint),
      after.noteIntervalsMs ?? [],
      after.handledJobs,
    ]);
    return row ?? { recorded: 0, waiting: 0 };
  }
}

const RECORD = {
  name: 'failures-record',
  text: `WITH mine AS MATERIALIZED (
    SELECT i.id, p.task_id, p.kind, p.opened_at, i.fingerprint, t.job, t.queue, t.key,
           $5::text[] IS NULL OR t.job = ANY($5::text[]) AS waits
      FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS i(id, task_id, fingerprint)
      JOIN shiftwork.pending_failure p ON p.task_id = i.task_id
      JOIN shiftwork.task t ON t.id = i.task_id
     WHERE p.recorded_at IS NULL FOR UPDATE OF p SKIP LOCKED),
  recorded AS (
    INSERT INTO shiftwork.failed_task (id, task, job, queue, key, kind, fingerprint, failed_at)
    SELECT id, task_id, job, queue, key, kind, fingerprint, opened_at FROM mine
    ON CONFLICT (task) DO NOTHING),
  marked AS (UPDATE shiftwork.pending_failure p SET recorded_at = now() FROM mine m WHERE p.task_id = m.task_id AND m.waits),
  gone AS (DELETE FROM shiftwork.pending_failure p USING mine m WHERE p.task_id = m.task_id AND NOT m.waits),
  noted AS (${noteSql('SELECT DISTINCT fingerprint FROM mine WHERE NOT waits AND cardinality($4::float8[]) > 0', '$4')})
  SELECT count(*)::int AS recorded, count(*) FILTER (WHERE waits)::int AS waiting FROM mine`,
};
