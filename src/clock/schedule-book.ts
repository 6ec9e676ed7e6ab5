import { Injectable } from '@nestjs/common';
import { messageOf, MINUTE, monotonicMs } from '../foundation/index.js';
import { ScheduleRecords, type ScheduleRow } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';
import { DueHeap } from './due-heap.js';
import { LedgerTime } from './ledger-time.js';
import { nextOf, type TickPlan } from './tick-plan.js';

/** How often the ledger is asked whether a nudge was lost together with the process that should have sent it. */
const GLANCE_EVERY_MS = 10 * MINUTE;
/** After somebody else was first: long enough for their transaction to be visible. */
const OVERTAKEN_MS = 50;

/**
 * The enabled schedules as a clock has them in memory, and which is due next. They stay what they are until somebody says
 * that they changed, so that waiting for 10,000 of them asks nothing of anybody.
 */
@Injectable()
export class ScheduleBook {
  private readonly rows = new Map<string, ScheduleRow>();
  private readonly heap = new DueHeap();
  private changed: Set<string> | 'all' = 'all';
  private edition = '';
  private lookedAtMs = 0;

  constructor(
    private readonly records: ScheduleRecords,
    private readonly time: LedgerTime,
    private readonly telemetry: Telemetry,
  ) {}

  get size(): number {
    return this.rows.size;
  }

  /** Names of the methods of @nestjs/schedule that may run. */
  get methods(): ReadonlySet<string> {
    return new Set([...this.rows.values()].filter((row) => row.kind === 'method').map((row) => row.name));
  }

  /** When the next is due; undefined: never. */
  get nextMs(): number | undefined {
    return this.heap.nextMs;
  }

  /** These were changed by somebody; null: any may have been. */
  noteChange(names: readonly string[] | null): void {
    if (names === null) this.changed = 'all';
    else if (this.changed !== 'all') for (const name of names) this.changed.add(name);
  }

  /** Whether a change has been noted and not been read. */
  get isStale(): boolean {
    return this.changed === 'all' || this.changed.size > 0;
  }

  /** Reads what was noted as changed, and now and then, or after a jump of the wall clock, whether anything was missed. */
  async refresh(): Promise<void> {
    const jumpedMs = this.time.jumpedMs();
    if (jumpedMs !== 0) this.telemetry.emit('clock.jumped', { byMs: jumpedMs });
    if (jumpedMs !== 0 || monotonicMs() - this.lookedAtMs > GLANCE_EVERY_MS) await this.glance();
    const changed = this.changed;
    if (!this.isStale) return;
    this.changed = new Set();
    try {
      await (changed === 'all' ? this.readAll() : this.readSome([...changed]));
    } catch (error) {
      this.noteChange(changed === 'all' ? null : [...changed]);
      throw error;
    }
  }

  /** Takes out up to `most` that are due. Each must be given back by `recorded` or `postpone`. */
  takeDue(most: number): ScheduleRow[] {
    return this.heap.takeDue(this.time.now(), most).flatMap((name) => this.rows.get(name) ?? []);
  }

  /** What was due has been dealt with; the next moment counts. */
  recorded({ row, dueAt, nextMs }: TickPlan): void {
    if (this.rows.get(row.name) !== row) return; // read anew meanwhile
    this.rows.set(row.name, { ...row, lastDueAt: dueAt });
    if (nextMs !== null) this.heap.set(row.name, nextMs);
  }

  /** To be tried again in `ms`. What was recorded or read anew meanwhile has its next moment already, and keeps it. */
  postpone(rows: readonly ScheduleRow[], ms: number): void {
    for (const row of rows)
      if (this.rows.get(row.name) === row) this.heap.set(row.name, this.time.now() + ms);
  }

  /** Another clock was faster, or they changed: reads them anew. */
  async overtaken(names: readonly string[]): Promise<void> {
    await this.readSome(names);
    const stillDue = names
      .flatMap((name) => this.rows.get(name) ?? [])
      .filter((row) => (this.nextOf(row) ?? Infinity) <= this.time.now());
    this.postpone(stillDue, OVERTAKEN_MS);
  }

  /** The database's time; and whether any schedule changed that we have not heard of. */
  async glance(): Promise<void> {
    const { now, edition } = await this.records.glance();
    this.time.sync(now);
    this.lookedAtMs = monotonicMs();
    if (edition !== this.edition) this.noteChange(null);
    this.edition = edition;
  }

  private async readAll(): Promise<void> {
    const { now, rows } = await this.records.enabled();
    this.time.sync(now);
    this.rows.clear();
    this.heap.clear();
    for (const [i, row] of rows.entries()) {
      this.add(row);
      // A search for the next due moment takes some 130 µs: a clock with thousands of schedules must not stand still.
      if (i % 100 === 99) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  private async readSome(names: readonly string[]): Promise<void> {
    const { now, rows } = await this.records.enabledOf(names);
    this.time.sync(now);
    for (const name of names) {
      this.rows.delete(name);
      this.heap.delete(name);
    }
    for (const row of rows) this.add(row);
  }

  private add(row: ScheduleRow): void {
    this.rows.set(row.name, row);
    const next = row.kind === 'task' ? this.nextOf(row) : null;
    if (next !== null) this.heap.set(row.name, next);
  }

  // Another release may have taken a pattern, another Node a time zone, that this one cannot read: the others fire all the same.
  private nextOf(row: ScheduleRow): number | null {
    try {
      return nextOf(row);
    } catch (error) {
      this.telemetry.emit('schedule.unreadable', { schedule: row.name, error: messageOf(error) });
      return null;
    }
  }
}
