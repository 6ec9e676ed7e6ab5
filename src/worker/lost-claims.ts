import { Injectable } from '@nestjs/common';
import { SECOND, type WakeableLoop } from '../foundation/index.js';
import { Executions } from '../ledger/index.js';
import { isUnavailable, Postgres } from '../postgres/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { RunningTasks } from './running-tasks.js';

/**
 * Looks, whenever a connection to PostgreSQL has broken, whether what runs here is still ours. A crash can have lost its START, a
 * fail-over more than that, and then nothing that the run does will be recorded: its signal fires, instead of its end being refused
 * in an hour.
 */
@Injectable()
export class LostClaims {
  private readonly loop: WakeableLoop;
  private isLooking = false;

  constructor(
    private readonly postgres: Postgres,
    private readonly executions: Executions,
    private readonly running: RunningTasks,
    telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, 'lost claims', () => this.look());
  }

  start(): void {
    this.postgres.onBroken(() => {
      if (!this.isLooking) this.loop.nudge();
    });
    this.loop.start();
  }

  stop(): Promise<void> {
    return this.loop.stop();
  }

  private async look(): Promise<number> {
    this.isLooking = true;
    try {
      const claims = this.running.all().map(({ id, claim }) => ({ taskId: id, claim }));
      // By claim: meanwhile a task may have ended here and be run again.
      this.running.interrupt('claim-lost', await this.executions.lostOf(claims));
      return Infinity;
    } catch (error) {
      if (isUnavailable(error)) return SECOND;
      throw error;
    } finally {
      this.isLooking = false;
    }
  }
}
