import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';

/** A queue that somebody has paused, and not resumed for an hour. */
export interface PausedLong {
  readonly queue: string;
  readonly by: string | null;
  readonly since: Date;
}

/** A job that no process of the fleet knows, and whose tasks have waited for ten minutes. */
export interface UnknownLong {
  readonly job: string;
  readonly tasks: number;
  readonly since: Date;
}

/** A queue with tasks that are due and have waited for a minute. */
export interface WaitingLong {
  readonly queue: string;
  readonly tasks: number;
  readonly since: Date;
}

/** What the ledger can tell of states that an admin should know about. */
@Injectable()
export class AttentionChecks {
  constructor(private readonly postgres: Postgres) {}

  async pausedLong(): Promise<PausedLong[]> {
    return this.postgres.query<PausedLong & object>({
      text: `SELECT queue, paused_by AS by, paused_at AS since FROM shiftwork.queue_state WHERE ${PAUSED_LONG} ORDER BY queue`,
    });
  }

  async unknownLong(): Promise<UnknownLong[]> {
    return this.postgres.query<UnknownLong & object>({
      text: `SELECT parked AS job, count(*)::int AS tasks, min(ready_at) AS since FROM shiftwork.live WHERE ${UNKNOWN_LONG} GROUP BY parked ORDER BY parked`,
    });
  }

  /** Jobs that no process of the fleet knows, however briefly: in a deploy this is ordinary. */
  async parked(): Promise<UnknownLong[]> {
    return this.postgres.query<UnknownLong & object>({
      text: `SELECT parked AS job, count(*)::int AS tasks, min(ready_at) AS since FROM shiftwork.live WHERE parked IS NOT NULL GROUP BY parked ORDER BY parked`,
    });
  }

  async waitingLong(): Promise<WaitingLong[]> {
    return this.postgres.query<WaitingLong & object>({
      text: `SELECT queue, count(*)::int AS tasks, min(ready_at) AS since FROM shiftwork.live WHERE ${WAITING_LONG} GROUP BY queue ORDER BY queue`,
    });
  }
}

const PAUSED_LONG = `paused AND paused_at < now() - interval '1 hour'`;
const UNKNOWN_LONG = `parked IS NOT NULL AND ready_at < now() - interval '10 minutes'`;
const WAITING_LONG = `status <> 'STARTED' AND parked IS NULL AND ready_at < now() - interval '1 minute'`;

/**
 * SQL: whether there is anything at all for the failures' chores to do. A sweep that makes one query for everything
 * includes it, so that an idle fleet asks nothing more.
 */
export const FAILURE_CHORES_DUE = `(
     EXISTS (SELECT 1 FROM shiftwork.pending_failure WHERE opened_at < now() - interval '30 seconds')
  OR EXISTS (SELECT 1 FROM shiftwork.digest WHERE due_at < now() - interval '30 seconds')
  OR EXISTS (SELECT 1 FROM shiftwork.queue_state WHERE ${PAUSED_LONG})
  OR EXISTS (SELECT 1 FROM shiftwork.live WHERE ${UNKNOWN_LONG})
  OR EXISTS (SELECT 1 FROM shiftwork.live WHERE ${WAITING_LONG}))`;
