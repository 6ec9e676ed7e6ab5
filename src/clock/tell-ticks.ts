import type { ScheduleRow, TickRow } from '../ledger/index.js';
import type { Telemetry } from '../telemetry/index.js';

/** Says what became of the ticks of a schedule: one line for each task, and one for everything that did not go as planned. */
export function tellTicks(telemetry: Telemetry, { name, job }: ScheduleRow, ticks: readonly TickRow[]): void {
  for (const { task, dueAt, lateByMs } of ticks) {
    if (task === null) continue;
    telemetry.emit('schedule.fired', {
      schedule: name,
      job,
      taskId: task,
      dueAt: dueAt.toISOString(),
      lateByMs: Math.round(lateByMs),
    });
  }
  const unusual = ticks.find((tick) => tick.outcome !== 'fired' || tick.reason !== null);
  if (unusual === undefined) return;
  telemetry.emit('schedule.misfired', {
    schedule: name,
    fired: count(ticks, 'fired'),
    coalesced: count(ticks, 'coalesced'),
    skipped: count(ticks, 'skipped'),
    missed: count(ticks, 'missed'),
    failed: count(ticks, 'failed'),
    reason: unusual.reason ?? unusual.outcome,
  });
}

function count(ticks: readonly TickRow[], outcome: TickRow['outcome']): number {
  return ticks.filter((tick) => tick.outcome === outcome).reduce((sum, tick) => sum + tick.count, 0);
}
