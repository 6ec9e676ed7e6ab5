import { Injectable } from '@nestjs/common';
import type { JsonValue } from '../foundation/index.js';
import { Postgres, asLedgerError } from '../postgres/index.js';
import { failedTaskConditions } from './failed-task-conditions.js';
import { FailedTask } from './failed-task.entity.js';
import type { AuditRow, FailedTaskFilter, FailedTaskRow, FailureGroupRow } from './failed-task-row.js';

/** Where a page of FailedTasks ended. */
export interface FailedTaskPlace {
  readonly closed: boolean;
  readonly seq: string;
}

/** Reads of FailedTasks for people. */
@Injectable()
export class ReadFailedTasks {
  constructor(private readonly postgres: Postgres) {}

  /** The FailedTask, or null when there is none. */
  async byId(id: string): Promise<FailedTaskRow | null> {
    try {
      return await this.postgres.dataSource
        .getRepository(FailedTask)
        .createQueryBuilder('f')
        .where('f.id = :id', { id })
        .getOne();
    } catch (error) {
      throw asLedgerError(error);
    }
  }

  /** Open ones first, the newest of each first; at most `limit`, those after `after`. */
  async page(
    filter: FailedTaskFilter,
    limit: number,
    after: FailedTaskPlace | null,
  ): Promise<FailedTaskRow[]> {
    const { where, values } = failedTaskConditions(filter, 4);
    return this.postgres.readForPeople<FailedTaskRow & object>(
      `SELECT ${COLUMNS} FROM shiftwork.failed_task_now n JOIN shiftwork.failed_task f ON f.id = n.id
                WHERE ($1::boolean IS NULL OR (f.state <> 'OPEN', -f.seq) > ($1, -$2::bigint)) AND ${where}
                ORDER BY (f.state <> 'OPEN'), (-f.seq) LIMIT $3`,
      [after?.closed ?? null, after?.seq ?? null, limit, ...values],
    );
  }

  /** Fingerprints, the one that failed last first; at most `limit`, those before the FailedTask number `before`. */
  async groups(filter: FailedTaskFilter, limit: number, before: string | null): Promise<FailureGroupRow[]> {
    const { where, values } = failedTaskConditions(filter, 3);
    return this.postgres.readForPeople<FailureGroupRow & object>(
      `SELECT g.fingerprint, f.job, f.queue, f.kind, coalesce(e.error->>'message', '') AS message, g.open, g.total,
                      g.first_at AS "firstAt", g.last_at AS "lastAt", f.id AS latest, g.seq
                 FROM (SELECT f.fingerprint, count(*) FILTER (WHERE f.state = 'OPEN')::int AS open, count(*)::int AS total,
                              min(f.failed_at) AS first_at, max(f.failed_at) AS last_at, max(f.seq) AS seq
                         FROM shiftwork.failed_task f ${filter.state === undefined ? '' : 'JOIN shiftwork.failed_task_now n ON n.id = f.id'}
                        WHERE ${where} GROUP BY f.fingerprint
                       HAVING $1::bigint IS NULL OR max(f.seq) < $1 ORDER BY max(f.seq) DESC LIMIT $2) g
                 JOIN shiftwork.failed_task f ON f.fingerprint = g.fingerprint AND f.seq = g.seq
                 JOIN shiftwork.ended e ON e.id = f.task
                ORDER BY g.seq DESC`,
      [before, limit, ...values],
    );
  }

  /**
   * How many open FailedTasks fit now, and a time by the database's clock by which these have failed: the end of this very
   * millisecond, because a Date knows no parts of one.
   */
  async countOpen(filter: FailedTaskFilter): Promise<{ matched: number; at: Date }> {
    const { where, values } = failedTaskConditions({ ...filter, state: undefined }, 1);
    const [row] = await this.postgres.query<{ matched: number; at: Date }>(
      {
        text: `SELECT count(*)::int AS matched, date_trunc('milliseconds', now()) + interval '1 millisecond' AS at FROM shiftwork.failed_task f WHERE f.state = 'OPEN' AND ${where}`,
      },
      values,
    );
    return row ?? { matched: 0, at: new Date() };
  }

  /** What admins did, oldest first. */
  async audit(id: string): Promise<AuditRow[]> {
    return this.postgres.query<AuditRow & object>(
      {
        text: 'SELECT at, who, action, reason FROM shiftwork.failed_task_audit WHERE failed_task = $1 ORDER BY seq',
      },
      [id],
    );
  }

  /** The whole payload of the failed task, and which paths of it are secret. Not for people as it is. */
  async payloadOf(task: string): Promise<{ payload: JsonValue; secretPaths: readonly string[] }> {
    const [row] = await this.postgres.query<{ payload: JsonValue; secretPaths: readonly string[] | null }>(
      {
        text: `SELECT t.payload, d.secret_paths AS "secretPaths" FROM shiftwork.task t
                 LEFT JOIN shiftwork.job_definition d ON d.name = t.job WHERE t.id = $1`,
      },
      [task],
    );
    return { payload: row?.payload ?? null, secretPaths: row?.secretPaths ?? [] };
  }
}

const COLUMNS = `n.id, n.seq, n.task, n.job, n.queue, n.key, n.kind, n.fingerprint, n.state, n.closed, n.error,
  n.retried_as AS "retriedAs", n.handled_by AS "handledBy", n.failed_at AS "failedAt"`;
