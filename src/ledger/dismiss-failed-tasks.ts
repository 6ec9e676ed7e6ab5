import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';
import { failedTaskConditions } from './failed-task-conditions.js';
import type { FailedTaskFilter } from './failed-task-row.js';

/** Rows of one statement: short locks, also when a hundred thousand are dismissed. */
const BATCH = 1_000;

/** Closes FailedTasks that nobody will retry. */
@Injectable()
export class DismissFailedTasks {
  constructor(private readonly postgres: Postgres) {}

  /** Dismisses one, open or retried; answers false when it is dismissed already, or there is none. */
  async dismissOne(id: string, by: string, reason: string | null): Promise<boolean> {
    return (
      (
        await this.postgres.query({ text: dismissSql(`f.id = $3::uuid AND f.state <> 'DISMISSED'`, 1) }, [
          by,
          reason,
          id,
        ])
      ).length > 0
    );
  }

  /** Dismisses every open one that fits and failed before now, in batches; answers how many that were. */
  async dismissAll(filter: FailedTaskFilter, by: string, reason: string | null): Promise<number> {
    const [now] = await this.postgres.query<{ at: string }>({ text: 'SELECT now()::text AS at' });
    const { where, values } = failedTaskConditions({ ...filter, state: undefined }, 4);
    const text = dismissSql(`${OPEN} AND f.failed_at <= $3::timestamptz AND ${where}`, BATCH);
    for (let dismissed = 0; ;) {
      const rows = await this.postgres.query({ text }, [by, reason, now?.at, ...values]);
      dismissed += rows.length;
      if (rows.length === 0 && !(await this.isAnyLeft(filter, now?.at))) return dismissed;
    }
  }

  // A batch may be empty because somebody else closed all of it while it waited; that does not make it the last.
  private async isAnyLeft(filter: FailedTaskFilter, before: string | undefined): Promise<boolean> {
    const { where, values } = failedTaskConditions({ ...filter, state: undefined }, 2);
    const text = `SELECT 1 FROM shiftwork.failed_task f WHERE ${OPEN} AND f.failed_at <= $1::timestamptz AND ${where} LIMIT 1`;
    return (await this.postgres.query({ text }, [before, ...values])).length > 0;
  }
}

// As the index has it.
const OPEN = `(f.state <> 'OPEN') = false`;

function dismissSql(where: string, limit: number): string {
  return `
  WITH picked AS MATERIALIZED (
    SELECT f.id FROM shiftwork.failed_task f WHERE ${where} ORDER BY f.seq LIMIT ${String(limit)} FOR UPDATE),
  closed AS (
    UPDATE shiftwork.failed_task f SET state = 'DISMISSED', closed_at = now() FROM picked p WHERE f.id = p.id),
  noted AS (
    INSERT INTO shiftwork.failed_task_audit (failed_task, who, action, reason)
    SELECT id, $1::text, 'dismiss', $2::text FROM picked)
  SELECT id FROM picked`;
}
