import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { asError, UnavailableError } from '../foundation/index.js';
import { ScheduleRecords, TickRecords, type TickRow } from '../ledger/index.js';
import { Postgres } from '../postgres/index.js';
import { Telemetry } from '../telemetry/index.js';
import { LedgerTime } from './ledger-time.js';
import { tellTicks } from './tell-ticks.js';
import { tickRow, withoutOverlap, type TickPlan } from './tick-plan.js';
import { TickTasks, type Made } from './tick-tasks.js';

/**
 * Due moments → tick rows and tasks. One transaction holds the right to record (a compare-and-set on the schedule, against
 * the database's time), the rows and the tasks: a due moment has its row exactly when it has its task, and both at most once,
 * whoever believes to lead.
 */
@Injectable()
export class TickEnqueuer {
  constructor(
    private readonly postgres: Postgres,
    private readonly schedules: ScheduleRecords,
    private readonly ticks: TickRecords,
    private readonly tasks: TickTasks,
    private readonly time: LedgerTime,
    private readonly telemetry: Telemetry,
  ) {}

  /**
   * Records what was planned, in one transaction; its tasks are dispatched after the commit. Answers the names of the schedules
   * of which another clock was faster, or that changed meanwhile: of these nothing was recorded. What the database refuses is
   * recorded as failed. Throws `LedgerUnavailableError` while PostgreSQL is away: then all was recorded, or nothing.
   */
  async record(plans: readonly TickPlan[]): Promise<string[]> {
    try {
      return await this.together(plans, (manager, wanted) =>
        this.tasks.make(
          manager,
          wanted.map((plan) => plan.row),
        ),
      );
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      return plans.length > 1 ? this.oneByOne(plans) : this.asFailed(plans, asError(error));
    }
  }

  private async oneByOne(plans: readonly TickPlan[]): Promise<string[]> {
    const overtaken: string[] = [];
    for (const plan of plans) overtaken.push(...(await this.record([plan])));
    return overtaken;
  }

  // The statement itself was refused, so that the transaction is gone: a new one says so.
  private async asFailed(plans: readonly TickPlan[], refusal: Error): Promise<string[]> {
    return this.together(plans, async (_manager, wanted) => wanted.map(() => ({ refusal })));
  }

  private async together(
    plans: readonly TickPlan[],
    make: (manager: EntityManager, wanted: readonly TickPlan[]) => Promise<Made[]>,
  ): Promise<string[]> {
    const recorded = await this.postgres.transaction(async (manager) => {
      const won = await this.claim(manager, plans);
      const settled = await this.settleOverlap(manager, won);
      const made = await make(
        manager,
        settled.flatMap((plan) => plan.decisions.filter(({ verdict }) => verdict === 'fire').map(() => plan)),
      );
      const left = made.values();
      const rows = settled.map((plan) => ({ plan, ticks: ticksOf(plan, left) }));
      await this.ticks.insert(
        manager,
        rows.flatMap(({ ticks }) => ticks),
      );
      return rows;
    });
    for (const { plan, ticks } of recorded) tellTicks(this.telemetry, plan.row, ticks);
    const won = new Set(recorded.map(({ plan }) => plan.row.name));
    return plans.map((plan) => plan.row.name).filter((name) => !won.has(name));
  }

  private async claim(manager: EntityManager, plans: readonly TickPlan[]): Promise<TickPlan[]> {
    const claims = plans.map(({ row, dueAt }) => ({
      name: row.name,
      version: row.version,
      seenAt: row.lastDueAt,
      dueAt,
    }));
    const { now, won } = await this.schedules.claim(manager, claims);
    this.time.atLeast(now);
    return plans.filter((plan) => won.has(plan.row.name));
  }

  private async settleOverlap(manager: EntityManager, plans: readonly TickPlan[]): Promise<TickPlan[]> {
    const patient = plans.filter(({ row }) => row.overlap === 'skip').map(({ row }) => row.name);
    const busy = await this.schedules.busy(manager, patient);
    return plans.map((plan) => withoutOverlap(plan, busy.has(plan.row.name)));
  }
}

// Takes the next of what was made for each decision that fires. (A shift() of each of 100,000 takes seconds.)
function ticksOf(plan: TickPlan, made: Iterator<Made, undefined>): TickRow[] {
  return plan.decisions.map((decision) => {
    if (decision.verdict !== 'fire') return tickRow(plan.row.name, decision, decision.verdict, null);
    const each = made.next().value;
    if (each === undefined) throw new Error('unreachable: one for each decision that fires');
    if ('task' in each) return tickRow(plan.row.name, decision, 'fired', each.task);
    return tickRow(plan.row.name, decision, 'failed', null, reasonOf(each.refusal));
  });
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  return `${code}${error.message}`.slice(0, 1_000);
}
