import { Injectable } from '@nestjs/common';
import { FailedTasks, type FailureGroupView, Postgres } from '../../index.js';

/** What became of the tasks of one job that were accepted on a day. */
export interface JobCounts {
  readonly job: string;
  readonly accepted: number;
  readonly finished: number;
  readonly failed: number;
  readonly cancelled: number;
}

export interface DailyReport {
  /** The day, as people there write it: `2026-11-24`. */
  readonly day: string;
  readonly jobs: readonly JobCounts[];
  /** The fingerprints with open FailedTasks, the one that failed last first; at most 200. */
  readonly open: readonly FailureGroupView[];
}

/** Reads the report of the day before `now` in a time zone. */
@Injectable()
export class DailyReports {
  constructor(
    private readonly postgres: Postgres,
    private readonly failedTasks: FailedTasks,
  ) {}

  async of(now: Date, timeZone: string): Promise<DailyReport> {
    const [bounds] = await this.postgres.query<{ day: string; from: Date; to: Date }>({ text: BOUNDS }, [
      now,
      timeZone,
    ]);
    if (bounds === undefined) throw new Error('unreachable: a SELECT without FROM has one row');
    const range = [firstIdAt(bounds.from), firstIdAt(bounds.to)];
    const jobs = await this.postgres.query<JobCounts & Record<string, unknown>>({ text: COUNTS }, range);
    const groups = await this.failedTasks.groups({ state: 'OPEN' }, 200);
    return { day: bounds.day, jobs, open: groups.items };
  }
}

// Midnight is PostgreSQL's affair: it knows the days of 23 and 25 hours.
const BOUNDS = `
  SELECT to_char(day - interval '1 day', 'YYYY-MM-DD') AS day,
         (day - interval '1 day') AT TIME ZONE $2 AS from,
         day AT TIME ZONE $2 AS to
    FROM date_trunc('day', $1::timestamptz AT TIME ZONE $2) AS today (day)`;

// By id, which begins with the time: the primary key finds the day without another index.
const COUNTS = `
  SELECT job,
         count(*)::int AS accepted,
         count(*) FILTER (WHERE status = 'FINISHED')::int AS finished,
         count(*) FILTER (WHERE status = 'FAILED')::int AS failed,
         count(*) FILTER (WHERE status = 'CANCELLED')::int AS cancelled
    FROM shiftwork.task t LEFT JOIN shiftwork.ended e USING (id)
   WHERE id >= $1 AND id < $2
   GROUP BY job
   ORDER BY job`;

/** The smallest UUIDv7 of a moment. */
function firstIdAt(moment: Date): string {
  const hex = moment.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
