import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';

/** Rows of one statement: each takes milliseconds, so that a first pruning of millions disturbs nobody. */
const BATCH = 1_000;

/** Deletes what is old enough to be forgotten, in small batches. Every method answers how many rows it deleted. */
@Injectable()
export class Prune {
  constructor(private readonly postgres: Postgres) {}

  /**
   * Finished and cancelled tasks that ended more than `days` ago, with their logs and executions. FAILED ones stay with
   * their FailedTask, which shows them and may retry them.
   */
  async tasks(days: number, signal: AbortSignal): Promise<number> {
    let after: string | null = null;
    for (let deleted = 0; ;) {
      const [row]: { deleted: number; looked: number; last: string | null }[] = await this.postgres.query(
        TASKS,
        [after, days, BATCH],
      );
      deleted += row?.deleted ?? 0;
      after = row?.last ?? null;
      if (signal.aborted || after === null || (row?.looked ?? 0) < BATCH) return deleted;
    }
  }

  /** FailedTasks closed more than `days` ago, with their audit, and the failed tasks behind them. */
  async failedTasks(days: number, signal: AbortSignal): Promise<number> {
    return this.inBatches(FAILED_TASKS, [days, BATCH], signal);
  }

  /** Rows of processes that ended more than `days` ago, and marks of mails sent before that. */
  async processesAndMails(days: number, signal: AbortSignal): Promise<number> {
    return (
      (await this.inBatches(PROCESSES, [days, BATCH], signal)) +
      (await this.inBatches(MAILS, [days, BATCH], signal))
    );
  }

  private async inBatches(
    statement: { name: string; text: string },
    values: readonly unknown[],
    signal: AbortSignal,
  ): Promise<number> {
    for (let deleted = 0; ;) {
      const [row] = await this.postgres.query<{ deleted: number }>(statement, values);
      deleted += row?.deleted ?? 0;
      if (signal.aborted || (row?.deleted ?? 0) < BATCH) return deleted;
    }
  }
}

// Ids are made of the time: the key of an old enough task is small enough, so no index on finished_at is needed. A page of
// keys is looked at, whatever may not go yet is passed over, and the next page begins behind it.
const OLDEST_KEY = `(lpad(to_hex(floor(extract(epoch FROM now() - $2::int * interval '1 day') * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid`;
const TASKS = {
  name: 'prune-tasks',
  text: `WITH looked AS MATERIALIZED (
    SELECT e.id, e.status, e.finished_at FROM shiftwork.ended e
     WHERE e.id < ${OLDEST_KEY} AND ($1::uuid IS NULL OR e.id > $1) ORDER BY e.id LIMIT $3),
  old AS MATERIALIZED (
    SELECT l.id, l.status FROM looked l
     WHERE l.status IN ('FINISHED', 'CANCELLED') AND l.finished_at < now() - $2::int * interval '1 day'),
  resolved AS (
    UPDATE shiftwork.failed_task f SET state = 'RESOLVED' FROM old o JOIN shiftwork.task t ON t.id = o.id
     WHERE f.id = t.retry_of AND f.state = 'RETRIED' AND o.status = 'FINISHED'),
  logs AS (DELETE FROM shiftwork.task_log l USING old o WHERE l.task_id = o.id),
  executions AS (DELETE FROM shiftwork.execution e USING old o WHERE e.task_id = o.id),
  ends AS (DELETE FROM shiftwork.ended e USING old o WHERE e.id = o.id),
  gone AS (DELETE FROM shiftwork.task t USING old o WHERE t.id = o.id RETURNING 1)
  SELECT (SELECT count(*)::int FROM gone) AS deleted, (SELECT count(*)::int FROM looked) AS looked,
         (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last`,
};

// A digest's count of what was told shrinks with what it counted, so that the next mail counts right.
const FAILED_TASKS = {
  name: 'prune-failed-tasks',
  text: `WITH old AS MATERIALIZED (
    SELECT id, task, fingerprint FROM shiftwork.failed_task
     WHERE closed_at < now() - $1::int * interval '1 day' ORDER BY closed_at LIMIT $2),
  uncounted AS (
    UPDATE shiftwork.digest d SET counted = greatest(0, d.counted - o.n)
      FROM (SELECT fingerprint, count(*) AS n FROM old GROUP BY fingerprint) o WHERE d.fingerprint = o.fingerprint),
  logs AS (DELETE FROM shiftwork.task_log l USING old o WHERE l.task_id = o.task),
  executions AS (DELETE FROM shiftwork.execution e USING old o WHERE e.task_id = o.task),
  ends AS (DELETE FROM shiftwork.ended e USING old o WHERE e.id = o.task),
  tasks AS (DELETE FROM shiftwork.task t USING old o WHERE t.id = o.task),
  gone AS (DELETE FROM shiftwork.failed_task f USING old o WHERE f.id = o.id RETURNING 1)
  SELECT count(*)::int AS deleted FROM gone`,
};

const PROCESSES = {
  name: 'prune-processes',
  text: `WITH old AS (
    SELECT id FROM shiftwork.process p
     WHERE coalesce(p.resolved_at, p.left_at) < now() - $1::int * interval '1 day' LIMIT $2),
  gone AS (DELETE FROM shiftwork.process p USING old o WHERE p.id = o.id RETURNING 1)
  SELECT count(*)::int AS deleted FROM gone`,
};

const MAILS = {
  name: 'prune-mails',
  text: `WITH gone AS (
    DELETE FROM shiftwork.digest_mail WHERE message_id IN (
      SELECT message_id FROM shiftwork.digest_mail WHERE sent_at < now() - $1::int * interval '1 day' LIMIT $2) RETURNING 1)
  SELECT count(*)::int AS deleted FROM gone`,
};
