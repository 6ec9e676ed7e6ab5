import { Injectable } from '@nestjs/common';
import { decodeCursor, encodeCursor, pageOf, type JsonValue, type Page } from '../foundation/index.js';
import { restoreSecrets } from '../jobs/index.js';
import {
  ScheduleRecords,
  TickRecords,
  type ScheduleDefinition,
  type ScheduleRow,
  type ScheduleSource,
} from '../ledger/index.js';
import { Postgres } from '../postgres/index.js';
import { Tasks, TaskViews, type EnqueuedTask } from '../tasks/index.js';
import { Telemetry } from '../telemetry/index.js';
import { InvalidScheduleError, ScheduleNotFoundError } from './clock-errors.js';
import { pausedTick } from './paused-tick.js';
import { readBody } from './schedule-body.js';
import { ScheduleNudges } from './schedule-nudges.js';
import { tickOptions } from './schedule-options.js';
import { SchedulePayloads } from './schedule-payloads.js';
import { scheduleView, tickView, type ScheduleView, type TickView } from './schedule-view.js';

/**
 * Recurring work as people read and change it, in any process. A change is committed when its promise resolves, and the
 * clocks hear of it at once. Everything throws `LedgerUnavailableError` while PostgreSQL is away.
 */
@Injectable()
export class Schedules {
  constructor(
    private readonly records: ScheduleRecords,
    private readonly tickRecords: TickRecords,
    private readonly postgres: Postgres,
    private readonly payloads: SchedulePayloads,
    private readonly tasks: Tasks,
    private readonly views: TaskViews,
    private readonly nudges: ScheduleNudges,
    private readonly telemetry: Telemetry,
  ) {}

  /** All of them, by name. With thousands, read them in pages: each costs the search for its next due moment. */
  async list(): Promise<ScheduleView[]> {
    const { rows, now } = await this.records.page(ALL, null);
    return this.viewsOf(rows, now);
  }

  /** By name; `limit` 1 to 200. Throws `BadCursorError`. */
  async page(limit = 50, cursor: string | null = null): Promise<Page<ScheduleView>> {
    const after =
      cursor === null ? null : String(decodeCursor(cursor, 1, (part) => typeof part === 'string')[0]);
    const { rows, now } = await this.records.page(limit + 1, after);
    const items = await this.viewsOf(rows.slice(0, limit), now);
    const last = items.at(-1);
    return {
      items,
      nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.name]) : null,
    };
  }

  /** Throws `ScheduleNotFoundError`. */
  async get(name: string): Promise<ScheduleView> {
    const { row, now } = await this.look(name);
    return this.viewOf(row, now);
  }

  /**
   * Makes or replaces a schedule; what the body leaves out gets its default. Throws `InvalidScheduleError` that names every
   * fault, and then nothing was changed. From now on the schedule belongs to whoever put it: a boot does not undo it.
   */
  async put(
    name: string,
    body: unknown,
    by: { readonly source: ScheduleSource } = { source: 'api' },
  ): Promise<{ schedule: ScheduleView; isNew: boolean }> {
    const { now, row: current } = await this.records.find(name);
    if (current !== null) refuseMethod(current, 'changed');
    const { definition: asked, issues } = readBody(name, body, now.getTime(), current);
    const definition = await this.withSecrets(asked, current);
    const all = [...issues, ...(await this.payloads.issuesOf(definition, issues))];
    if (all.length > 0) throw new InvalidScheduleError(all);
    const { row, isNew } = await this.records.put(definition, by);
    await this.changed(name, isNew ? 'created' : 'changed');
    return { schedule: await this.viewOf(row, now), isNew };
  }

  /** The schedule and its ticks are gone; its tasks stay. Throws `ScheduleNotFoundError`. */
  async delete(name: string): Promise<void> {
    refuseMethod((await this.look(name)).row, 'deleted');
    if (!(await this.records.delete(name))) throw new ScheduleNotFoundError(name);
    await this.changed(name, 'deleted');
  }

  /** Fires nothing until it is resumed. Twice is the same as once. Throws `ScheduleNotFoundError`. */
  async pause(name: string): Promise<ScheduleView> {
    const { row: before, now } = await this.look(name);
    if (!before.enabled) return this.viewOf(before, now);
    return this.found(name, await this.records.setEnabled(name, false, 'person'), now, 'paused');
  }

  /**
   * Fires again, from now on: what fell into the pause is recorded as skipped, whatever the misfire policy. Twice is the same as
   * once. Throws `ScheduleNotFoundError`.
   */
  async resume(name: string): Promise<ScheduleView> {
    const { row: before, now } = await this.look(name);
    if (before.enabled) return this.viewOf(before, now);
    const row = await this.postgres.transaction(async (manager) => {
      const locked = await this.records.lock(manager, name);
      if (locked === null || locked.row.enabled) return locked?.row ?? null;
      const resumed = await this.records.setEnabled(name, true, 'person', manager);
      // Up to where it fires again, not up to now: this may have waited for the lock, and no moment may be both.
      const tick = pausedTick(locked.row, resumed?.lastDueAt ?? locked.now);
      if (tick !== null) await this.tickRecords.insert(manager, [tick]);
      return resumed;
    });
    return this.found(name, row, now, 'resumed');
  }

  /** Enqueues its job now, also while it is paused. This is no tick: the timetable does not change. Throws `ScheduleNotFoundError`. */
  async run(name: string): Promise<EnqueuedTask> {
    const { row } = await this.look(name);
    refuseMethod(row, 'run by hand');
    return this.postgres.transaction(async (manager) => {
      const task = await this.tasks.enqueue(row.job, row.payload, {
        ...tickOptions(row),
        transaction: manager,
      });
      await this.records.noteRun(manager, name, task.id);
      return task;
    });
  }

  /** Newest first; `limit` 1 to 200. Throws `ScheduleNotFoundError`, `BadCursorError`. */
  async ticks(name: string, limit = 50, cursor: string | null = null): Promise<Page<TickView>> {
    await this.look(name);
    const before = cursor === null ? null : new Date(Number(decodeCursor(cursor, 1, isTickTime)[0]));
    const rows = await this.tickRecords.page(name, limit + 1, before);
    return pageOf(rows, limit, tickView, (row) => [row.dueAt.getTime()]);
  }

  // Whoever changes the time sends back what was shown of the payload.
  private async withSecrets(
    asked: ScheduleDefinition,
    current: ScheduleRow | null,
  ): Promise<ScheduleDefinition> {
    if (current?.job !== asked.job) return asked;
    const secrets = await this.views.secretsOf(asked.job);
    return { ...asked, payload: restoreSecrets(asked.payload, current.payload, secrets) as JsonValue }; // JSON in, JSON out
  }

  private async look(name: string): Promise<{ readonly row: ScheduleRow; readonly now: Date }> {
    const { row, now } = await this.records.find(name);
    if (row === null) throw new ScheduleNotFoundError(name);
    return { row, now };
  }

  private async found(
    name: string,
    row: ScheduleRow | null,
    now: Date,
    change: 'paused' | 'resumed',
  ): Promise<ScheduleView> {
    if (row === null) throw new ScheduleNotFoundError(name);
    await this.changed(name, change);
    return this.viewOf(row, now);
  }

  private async changed(
    name: string,
    change: 'created' | 'changed' | 'deleted' | 'paused' | 'resumed',
  ): Promise<void> {
    this.telemetry.emit('schedule.changed', { schedule: name, change });
    await this.nudges.changed([name]);
  }

  private async viewOf(row: ScheduleRow, now: Date): Promise<ScheduleView> {
    const [view] = await this.viewsOf([row], now);
    if (view === undefined) throw new Error('unreachable: one view per row');
    return view;
  }

  // `now` is the database's, by which the clocks fire: that of this machine may be off.
  private async viewsOf(rows: readonly ScheduleRow[], now: Date): Promise<ScheduleView[]> {
    const last = await this.tickRecords.lastOf(rows.map((row) => row.name));
    const secrets = new Map<string, readonly string[]>();
    for (const job of new Set(rows.map((row) => row.job))) secrets.set(job, await this.views.secretsOf(job));
    return rows.map((row) => scheduleView(row, last.get(row.name) ?? null, secrets.get(row.job) ?? [], now));
  }
}

const ALL = 2_147_483_647;

/** The last one that can be written with a year of four digits, ms. */
const LAST_INSTANT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function isTickTime(part: unknown): boolean {
  return typeof part === 'number' && Number.isInteger(part) && part >= 0 && part <= LAST_INSTANT;
}

function refuseMethod(row: ScheduleRow, what: string): void {
  if (row.kind === 'task') return;
  throw new InvalidScheduleError([
    {
      path: 'job',
      message: `${row.job} is a method decorated by @nestjs/schedule; it cannot be ${what}, only paused and resumed. Change it in the code, or declare the work with @EnqueueOn`,
    },
  ]);
}
