import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { newId } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';
import { failedTaskConditions } from './failed-task-conditions.js';
import type { FailedTaskFilter } from './failed-task-row.js';
import { Outbox } from './outbox.js';

/** A FailedTask and the task that runs its work again. */
export interface Retried {
  readonly failedTask: string;
  readonly task: string;
}

/**
 * Turns open FailedTasks into new tasks. One statement picks them (OPEN, not locked by anybody), copies job, payload and
 * options from the failed task, and closes them as RETRIED: in one commit, so that each is retried exactly once however
 * often and from however many sides it is asked for; the unique index on `task.retry_of` is the last word.
 */
@Injectable()
export class RetryFailedTasks {
  constructor(
    private readonly postgres: Postgres,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Retries one, with another payload (JSON text) if that is not null. Waits for whoever is just closing it. Null when it
   * is not open (any more): read it to see what it has become.
   */
  async retryOne(id: string, payloadText: string | null, by: string): Promise<Retried | null> {
    const box = newId();
    const [retried] = await this.postgres.query<Retried & object>({ text: RETRY_ONE }, [
      [newId()],
      payloadText,
      by,
      box,
      this.outbox.processId,
      id,
    ]);
    if (retried !== undefined) this.outbox.opened(box, [retried.task]);
    return retried ?? null;
  }

  /** Retries at most `limit` that fit, oldest first. Empty: none is left, or all that are left are locked by others. */
  async retrySome(
    manager: EntityManager,
    filter: FailedTaskFilter,
    limit: number,
    by: string,
  ): Promise<Retried[]> {
    const { where, values } = failedTaskConditions({ ...filter, state: undefined }, 6);
    const ids = Array.from({ length: limit }, () => newId());
    return this.postgres.queryIn<Retried & object>(manager, retrySql(where, 'SKIP LOCKED'), [
      ids,
      null,
      by,
      newId(),
      this.outbox.processId,
      ...values,
    ]);
  }
}

// $1 ids for the new tasks, $2 another payload or null, $3 who, $4 id of the outbox row, $5 process. Live rows as in accept-tasks.
function retrySql(where: string, locked: '' | 'SKIP LOCKED'): string {
  return `
  WITH picked AS MATERIALIZED (
    SELECT f.id, f.task, f.seq FROM shiftwork.failed_task f
     WHERE (f.state <> 'OPEN') = false AND ${where}
     ORDER BY f.seq LIMIT cardinality($1::uuid[]) FOR UPDATE ${locked}),
  numbered AS (SELECT id, task, row_number() OVER (ORDER BY seq) AS n FROM picked),
  fresh AS MATERIALIZED (
    SELECT i.id, p.id AS failed_task, t.job, t.queue, coalesce($2::jsonb::json, t.payload) AS payload, t.priority, t.key,
           t.attempts_max, t.timeout_ms, t.backoff, t.on_worker_lost
      FROM numbered p
      JOIN unnest($1::uuid[]) WITH ORDINALITY AS i(id, n) ON i.n = p.n
      JOIN shiftwork.task t ON t.id = p.task),
  accepted AS (
    INSERT INTO shiftwork.task (id, job, queue, payload, priority, key, attempts_max, timeout_ms, backoff, on_worker_lost, run_at, retry_of)
    SELECT id, job, queue, payload, priority, key, attempts_max, timeout_ms, backoff, on_worker_lost, now(), failed_task FROM fresh),
  live AS (
    INSERT INTO shiftwork.live (id, queue, job, status, ready_at, priority, attempts_max, timeout_ms)
    SELECT id, queue, job, 'QUEUED', now(), priority, attempts_max, timeout_ms FROM fresh),
  boxed AS (
    INSERT INTO shiftwork.outbox (id, process, task_ids)
    SELECT $4::uuid, $5::uuid, array_agg(id) FROM fresh HAVING count(*) > 0),
  closed AS (
    UPDATE shiftwork.failed_task f SET state = 'RETRIED', retried_as = n.id, closed_at = now()
      FROM fresh n WHERE f.id = n.failed_task),
  noted AS (
    INSERT INTO shiftwork.failed_task_audit (failed_task, who, action, reason)
    SELECT failed_task, $3::text, 'retry', CASE WHEN $2::jsonb IS NULL THEN NULL ELSE 'with another payload' END FROM fresh)
  SELECT failed_task AS "failedTask", id AS task FROM fresh`;
}

const RETRY_ONE = retrySql('f.id = $6::uuid', '');
