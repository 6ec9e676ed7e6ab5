import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres } from '../postgres/index.js';

export type TickOutcome = 'fired' | 'coalesced' | 'skipped' | 'missed' | 'failed';

/** One due moment of a schedule, or a range of them (`untilAt`, `count`), and what became of it. */
export interface TickRow {
  readonly schedule: string;
  readonly dueAt: Date;
  /** Last moment of a range; null for a single one. */
  readonly untilAt: Date | null;
  readonly count: number;
  readonly outcome: TickOutcome;
  readonly task: string | null;
  /** ms between the due moment (of a range: the first) and its record. */
  readonly lateByMs: number;
  readonly reason: string | null;
}

/** Rows of one statement. After a long outage 100,000 may be recorded in one transaction. */
const CHUNK = 1_000;

/** What became of every due moment. A row is written with the task it made, in one transaction, and never changed. */
@Injectable()
export class TickRecords {
  constructor(private readonly postgres: Postgres) {}

  /** Unique by schedule and due moment: a second one fails the transaction. */
  async insert(manager: EntityManager, ticks: readonly TickRow[]): Promise<void> {
    for (let from = 0; from < ticks.length; from += CHUNK)
      await this.insertChunk(manager, ticks.slice(from, from + CHUNK));
  }

  /** Newest first, before the given due moment. */
  async page(schedule: string, limit: number, before: Date | null): Promise<TickRow[]> {
    return this.postgres.query<TickRow & object>(
      {
        text: `SELECT ${COLUMNS} FROM shiftwork.schedule_tick WHERE schedule = $1 AND ($3::timestamptz IS NULL OR due_at < $3) ORDER BY due_at DESC LIMIT $2`,
      },
      [schedule, limit, before],
    );
  }

  /** The newest tick of each of these schedules. */
  async lastOf(schedules: readonly string[]): Promise<ReadonlyMap<string, TickRow>> {
    const rows = await this.postgres.query<TickRow & object>(
      {
        text: `SELECT t.* FROM unnest($1::text[]) AS s(name) CROSS JOIN LATERAL (SELECT ${COLUMNS} FROM shiftwork.schedule_tick WHERE schedule = s.name ORDER BY due_at DESC LIMIT 1) t`,
      },
      [schedules],
    );
    return new Map(rows.map((row) => [row.schedule, row]));
  }

  /** Forgets ticks older than that, but for the newest of each schedule. Answers how many, at most `most`. */
  async prune(days: number, most: number): Promise<number> {
    const rows = await this.postgres.query<{ schedule: string }>(
      {
        text: `DELETE FROM shiftwork.schedule_tick WHERE ctid IN (
          SELECT t.ctid FROM shiftwork.schedule_tick t
           WHERE t.due_at < now() - $1 * interval '1 day' -- says it to the index
             AND coalesce(t.until, t.due_at) < now() - $1 * interval '1 day'
             AND EXISTS (SELECT 1 FROM shiftwork.schedule_tick n WHERE n.schedule = t.schedule AND n.due_at > t.due_at)
           LIMIT $2) RETURNING schedule`,
      },
      [days, most],
    );
    return rows.length;
  }

  private async insertChunk(manager: EntityManager, ticks: readonly TickRow[]): Promise<void> {
    await this.postgres.queryIn(manager, INSERT, [
      ticks.map((tick) => tick.schedule),
      ticks.map((tick) => tick.dueAt.toISOString()),
      ticks.map((tick) => tick.untilAt?.toISOString() ?? null),
      ticks.map((tick) => tick.count),
      ticks.map((tick) => tick.outcome),
      ticks.map((tick) => tick.task),
      ticks.map((tick) => Math.round(tick.lateByMs)),
      ticks.map((tick) => tick.reason),
    ]);
  }
}

const COLUMNS = `schedule, due_at AS "dueAt", until AS "untilAt", count::float8 AS count, outcome, task_id AS task, late_by_ms::float8 AS "lateByMs", reason`;

const INSERT = `INSERT INTO shiftwork.schedule_tick (schedule, due_at, until, count, outcome, task_id, late_by_ms, reason)
  SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::text[], $6::uuid[], $7::bigint[], $8::text[])`;
