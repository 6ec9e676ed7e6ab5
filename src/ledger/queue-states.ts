import { Injectable } from '@nestjs/common';
import { Postgres } from '../postgres/index.js';

export interface QueueState {
  readonly queue: string;
  readonly paused: boolean;
  readonly pausedBy: string | null;
  readonly pausedAt: Date | null;
}

/** Which queues are paused, and by whom. The truth: Redis is told of it, and told again after a wipe. */
@Injectable()
export class QueueStates {
  constructor(private readonly postgres: Postgres) {}

  /** Pausing a paused queue keeps the first pauser and time. */
  async pause(queue: string, by: string): Promise<void> {
    await this.postgres.query(
      {
        text: `INSERT INTO shiftwork.queue_state AS s (queue, paused, paused_by, paused_at) VALUES ($1, true, $2, now())
        ON CONFLICT (queue) DO UPDATE SET paused = true, paused_by = $2, paused_at = now() WHERE NOT s.paused`,
      },
      [queue, by],
    );
  }

  async resume(queue: string): Promise<void> {
    await this.postgres.query(
      {
        text: 'UPDATE shiftwork.queue_state SET paused = false, paused_by = NULL, paused_at = NULL WHERE queue = $1',
      },
      [queue],
    );
  }

  async all(): Promise<QueueState[]> {
    return this.postgres.query<QueueState & object>({
      text: `SELECT queue, paused, paused_by AS "pausedBy", paused_at AS "pausedAt" FROM shiftwork.queue_state ORDER BY queue`,
    });
  }
}
