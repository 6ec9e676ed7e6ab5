import { Injectable } from '@nestjs/common';
import { messageOf, monotonicMs, SECOND, Waiters } from '../foundation/index.js';
import type { ScheduleDefinition } from '../ledger/index.js';
import type { BusyWith } from '../lifecycle/index.js';
import { Telemetry } from '../telemetry/index.js';
import { NestScheduleExplorer } from './nest-schedule-explorer.js';
import { definitionOf, type NestMethod } from './nest-method.js';
import { nextDue } from './timetable.js';

/** A method that runs, and since when. */
interface Run {
  readonly method: NestMethod;
  readonly since: string;
}

/**
 * Runs the methods of @nestjs/schedule's decorators in this process, while it leads and is not quiet. A run that has begun
 * is finished and awaited; one that was due while nobody led is not made up for, as with @nestjs/schedule itself. The time is
 * this machine's. A timeout runs once in the life of a process, counted from when it begins to lead.
 */
@Injectable()
export class NestSchedule {
  private readonly timers = new Map<NestMethod, NodeJS.Timeout>();
  private readonly running = new Set<Run>();
  private readonly timedOut = new Set<NestMethod>();
  private readonly idlers = new Waiters();
  private allowed: ReadonlySet<string> = new Set();
  private isStarted = false;
  private isLeading = (): boolean => false;

  constructor(
    private readonly explorer: NestScheduleExplorer,
    private readonly telemetry: Telemetry,
  ) {}

  get size(): number {
    return this.explorer.methods.length;
  }

  /** The methods as the list of schedules shows them. */
  definitions(nowMs: number): ScheduleDefinition[] {
    return this.explorer.methods.map((method) => definitionOf(method, nowMs));
  }

  /** Sets the timers, in place of those that are set already. They fire while `isLeading` answers true. */
  start(isLeading: () => boolean): void {
    this.stop();
    this.isStarted = true;
    this.isLeading = isLeading;
    for (const method of this.explorer.methods) {
      if (method.when.kind !== 'timeout') this.arm(method, firstDue(method));
    }
  }

  /** This process leads from now on, and only these names may run: the others were paused by a person. */
  leads(allowed: ReadonlySet<string>): void {
    this.allowed = allowed;
    for (const method of this.explorer.methods) {
      if (method.when.kind === 'timeout' && !this.timedOut.has(method) && !this.timers.has(method))
        this.arm(method, firstDue(method));
    }
  }

  /** Nothing starts any more, whatever a round in flight says after it; what runs goes on. */
  stop(): void {
    this.isStarted = false;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  busy(): BusyWith[] {
    return [...this.running].map(({ method, since }) => ({
      task: method.name,
      job: method.where,
      queue: '@nestjs/schedule',
      since,
    }));
  }

  /** Resolves when nothing runs. */
  untilIdle(): Promise<void> {
    return this.idlers.until(() => this.running.size === 0);
  }

  // Far moments are approached in steps: a timer counts machine time, and the wall clock may be set meanwhile.
  private arm(method: NestMethod, dueMs: number | null): void {
    if (dueMs === null || !this.isStarted) return;
    const waitMs = Math.max(0, Math.min(dueMs - now(method), LOOK_AGAIN_MS));
    this.timers.set(
      method,
      setTimeout(() => {
        this.wake(method, dueMs);
      }, waitMs),
    );
  }

  private wake(method: NestMethod, dueMs: number): void {
    this.timers.delete(method);
    if (now(method) < dueMs) {
      this.arm(method, dueMs); // a timer may be a millisecond early; asking for the next moment would give this one again
      return;
    }
    if (this.isLeading() && this.allowed.has(method.name)) void this.run(method);
    this.arm(method, dueAfter(method, dueMs));
  }

  private async run(method: NestMethod): Promise<void> {
    if (method.waits && [...this.running].some((run) => run.method === method)) return;
    if (method.when.kind === 'timeout') this.timedOut.add(method);
    const run = { method, since: new Date().toISOString() };
    this.running.add(run);
    try {
      await method.run();
    } catch (error) {
      this.telemetry.emit('schedule.methodFailed', { schedule: method.name, error: messageOf(error) });
    } finally {
      this.running.delete(run);
      if (this.running.size === 0) this.idlers.wake();
    }
  }
}

const LOOK_AGAIN_MS = 30 * SECOND;

// Intervals and timeouts count by the monotonic clock, dates and patterns by the one on the wall.
function now({ when }: NestMethod): number {
  return when.kind === 'interval' || when.kind === 'timeout' ? monotonicMs() : Date.now();
}

function firstDue({ when }: NestMethod): number | null {
  switch (when.kind) {
    case 'interval':
      return monotonicMs() + when.everyMs;
    case 'timeout':
      return monotonicMs() + when.afterMs;
    case 'cron':
      return nextDue(when, Date.now());
    case 'date':
      return nextDue({ kind: 'at', atMs: when.at.getTime() }, Date.now());
  }
}

// An interval that fell behind goes on from now: nobody wants a burst.
function dueAfter(method: NestMethod, dueMs: number): number | null {
  switch (method.when.kind) {
    case 'interval':
      return Math.max(dueMs + method.when.everyMs, now(method));
    case 'cron':
      return nextDue(method.when, Math.max(dueMs, now(method)));
    case 'timeout':
    case 'date':
      return null;
  }
}
