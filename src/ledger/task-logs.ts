import { Injectable } from '@nestjs/common';
import { Batcher } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';
import type { LogLevel } from './task-row.js';

export interface LogLine {
  readonly taskId: string;
  readonly claim: string;
  readonly execution: number;
  readonly at: Date;
  readonly level: LogLevel;
  /** At most 8 KiB. */
  readonly message: string;
}

/** Lines kept per task; older ones go first (PROTOCOL: sizes). */
export const LOG_LINES_KEPT = 1_000;

/** Lines written by `task.log()`; only those of the execution that owns the task, or has ended it, are kept. */
@Injectable()
export class TaskLogs {
  private readonly lines: Batcher<LogLine, void>;
  private readonly written = new Map<string, number>();

  constructor(private readonly postgres: Postgres) {
    this.lines = new Batcher((lines) => this.flush(lines), { maxItems: 500, inFlight: 1 });
  }

  /** Resolves when the line is committed, or dropped because its execution lost the task. */
  append(line: LogLine): Promise<void> {
    return this.lines.add(line);
  }

  /** Forgets the count of a task that ended here. */
  forget(taskId: string): void {
    this.written.delete(taskId);
  }

  private async flush(lines: readonly LogLine[]): Promise<undefined[]> {
    await this.postgres.query(APPEND, [
      lines.map((line) => line.taskId),
      lines.map((line) => line.claim),
      lines.map((line) => line.at.toISOString()),
      lines.map((line) => line.level),
      lines.map((line) => line.message),
      lines.map((line) => line.execution),
    ]);
    await this.trim(lines);
    return lines.map(() => undefined);
  }

  // Counting in memory keeps the usual task free of any DELETE. A task resumed here after 999 lines elsewhere is trimmed
  // when it has written its own thousandth: for a while it may show up to twice as many.
  private async trim(lines: readonly LogLine[]): Promise<void> {
    const full = new Set<string>();
    for (const line of lines) {
      const count = (this.written.get(line.taskId) ?? 0) + 1;
      this.written.set(line.taskId, count);
      if (count > LOG_LINES_KEPT) full.add(line.taskId);
    }
    for (const taskId of full) await this.postgres.query(TRIM, [taskId, LOG_LINES_KEPT]);
  }
}

const APPEND = {
  name: 'log',
  text: `INSERT INTO shiftwork.task_log (task_id, at, level, message, execution)
    SELECT w.task_id, w.at, w.level, w.message, w.execution
      FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::int[]) WITH ORDINALITY AS w(task_id, claim, at, level, message, execution, number)
     WHERE EXISTS (SELECT 1 FROM shiftwork.live l WHERE l.id = w.task_id AND l.claim = w.claim AND l.status = 'STARTED')
        OR EXISTS (SELECT 1 FROM shiftwork.ended e WHERE e.id = w.task_id AND e.claim = w.claim)
     ORDER BY w.number`,
};

const TRIM = {
  name: 'log-trim',
  text: `DELETE FROM shiftwork.task_log WHERE task_id = $1
    AND seq <= (SELECT seq FROM shiftwork.task_log WHERE task_id = $1 ORDER BY seq DESC OFFSET $2 LIMIT 1)`,
};
