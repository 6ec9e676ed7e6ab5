import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres } from '../postgres/index.js';
import { DEAD_PROCESS, JUDGE, LOOK, MOVE } from './hand-over-sql.js';
import { blameFrom, judge, type Lost, type Verdict } from './judge-loss.js';
import { crashed, type ErrorJson } from './task-row.js';

export interface DeadProcess {
  readonly id: string;
  /** It said that it was leaving: its tasks were interrupted, and did not crash it. */
  readonly left: boolean;
  /** FAILED as `crashed` at that many charges. */
  readonly crashLimit: number;
}

/** A task as it is after the hand-over, with what its entry in Redis needs. */
export interface HandedOver {
  readonly id: string;
  readonly job: string;
  readonly queue: string;
  readonly status: 'QUEUED' | 'CANCELLED' | 'FAILED';
  readonly crashes: number;
  readonly execution: number;
  readonly version: number;
  /** JSON text. */
  readonly payload: string;
  readonly priority: number | null;
  readonly createdAt: Date;
}

export interface HandOverResult {
  /** Committed moves. */
  readonly moved: readonly HandedOver[];
  /** Rows that somebody else holds locked (a transaction of the dead process that the server has not noticed yet): ask again. */
  readonly locked: number;
}

/** Takes STARTED tasks away from a process that will not end them. */
@Injectable()
export class HandOver {
  constructor(private readonly postgres: Postgres) {}

  /**
   * Makes every task that the process had started wait again at its checkpoint, or ends it; decides whom its death is charged to.
   * The process must have been declared gone before. Any number of rescuers may call it, at once and again: they judge one
   * after the other, and the first judgement stands.
   */
  async ofProcess(dead: DeadProcess): Promise<HandOverResult> {
    return this.postgres.transaction(async (manager) => {
      const { blame, left, release } = await this.judgement(manager, dead.id);
      const lost = await this.postgres.queryIn<Lost & object>(manager, LOOK, [dead.id]);
      if (lost.length === 0) return { moved: [], locked: 0 };

      const from = blame ?? blameFrom(lost);
      const verdicts = judge(lost, { left: dead.left || left, crashLimit: dead.crashLimit, blameFrom: from });
      if (blame === null) await this.postgres.queryIn(manager, JUDGE, [dead.id, from]);
      const moved = await this.move(manager, dead.id, release, verdicts);
      return { moved, locked: lost.length - moved.length };
    });
  }

  private async judgement(
    manager: EntityManager,
    id: string,
  ): Promise<{ blame: number | null; left: boolean; release: string | null }> {
    await this.postgres.queryIn(manager, 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `rescue ${id}`,
    ]);
    const [row] = await this.postgres.queryIn<{ blame: number | null; left: boolean; release: string }>(
      manager,
      DEAD_PROCESS,
      [id],
    );
    return row ?? { blame: null, left: false, release: null };
  }

  private async move(
    manager: EntityManager,
    worker: string,
    release: string | null,
    verdicts: readonly Verdict[],
  ): Promise<HandedOver[]> {
    const rows = await this.postgres.queryIn<HandedOver & { version: string }>(manager, MOVE, [
      worker,
      release,
      verdicts.map(({ id }) => id),
      verdicts.map(({ status }) => status),
      verdicts.map(({ outcome }) => outcome),
      verdicts.map(({ crashes }) => crashes),
      verdicts.map(({ charged }) => charged),
      verdicts.map((verdict) => (verdict.outcome === 'crashed' ? JSON.stringify(crashError(verdict)) : null)),
    ]);
    return rows.map((row) => ({ ...row, version: Number(row.version) }));
  }
}

function crashError({ status, crashes }: Verdict): ErrorJson {
  const message =
    status === 'FAILED'
      ? `The process that ran this task died (charged to this task ${String(crashes)} times). It is not run again by itself.`
      : 'The process that ran this task died. The task is run again.';
  return crashed(message, new Date());
}
