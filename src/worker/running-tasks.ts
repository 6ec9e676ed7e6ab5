import { Injectable } from '@nestjs/common';
import { InHand, MINUTE, monotonicMs, Waiters } from '../foundation/index.js';
import { TaskCancelled, TaskInterrupted } from '../jobs/index.js';
import type { BusyWith } from '../lifecycle/index.js';
import type { RunningTask } from './running-task.js';

/** A committed start becomes a run within milliseconds, or within seconds when the main loop is held up; a cancel is kept for so long, ms. */
const EARLY_FOR_MS = MINUTE;

/** What this process runs now, since when, and how to interrupt it. */
@Injectable()
export class RunningTasks {
  /** What runs, or has ended and is not recorded yet. */
  private readonly tasks = new InHand<RunningTask>();
  private unrecorded = 0;
  private readonly waiters = new Waiters();
  /** Tasks that were to stop and do not run here, and when that was said (monotonic ms): one may be about to run. */
  private readonly early = new Map<string, number>();

  add(task: RunningTask): void {
    task.isRunning = true;
    task.place = this.tasks.add(task);
    this.unrecorded++;
    if (this.early.size > 0 && this.saidEarly(task.id)) task.interrupt(new TaskCancelled());
  }

  /** Its handler is not running any more. */
  remove(task: RunningTask): void {
    if (!task.isRunning) return;
    task.isRunning = false;
    if (task.isRecorded) this.tasks.remove(task.place);
  }

  /** Its outcome is in the ledger, or belongs to somebody else. */
  recorded(task: RunningTask): void {
    task.isRecorded = true;
    if (!task.isRunning) this.tasks.remove(task.place);
    if (--this.unrecorded === 0) this.waiters.wake();
  }

  /** Resolves when no run is without a recorded outcome; a handler that was overruled may still be running. */
  untilRecorded(): Promise<void> {
    return this.waiters.until(() => this.unrecorded === 0);
  }

  /** Runs without a recorded outcome. */
  get unrecordedCount(): number {
    return this.unrecorded;
  }

  ids(): string[] {
    return this.all().map((task) => task.id);
  }

  all(): readonly RunningTask[] {
    return this.tasks.values().filter((task) => task.isRunning);
  }

  busy(): BusyWith[] {
    return this.all().map((task) => task.busyWith);
  }

  /** What runs, and what ended without being recorded yet: everything that would run again if we died now. */
  unfinished(): BusyWith[] {
    return this.tasks.values().map((task) => task.busyWith);
  }

  /** Fires the signal of those of these tasks that run here, or that are about to: their start is committed, and nobody will say it again. */
  cancel(ids: readonly string[]): void {
    const asked = new Set(ids);
    for (const task of this.all()) if (asked.delete(task.id)) task.interrupt(new TaskCancelled());
    this.keepEarly(asked);
  }

  /** Fires every signal: the process must go, or is no longer who it was. With `claims`: only of these runs. */
  interrupt(why: string, claims?: ReadonlySet<string>): void {
    for (const task of this.all())
      if (claims?.has(task.claim) ?? true) task.interrupt(new TaskInterrupted(why));
  }

  /** Ends every run as it stands; what its handler does later changes nothing. */
  overrule(why: string): void {
    for (const task of this.all()) task.end({ kind: 'overruled', by: new TaskInterrupted(why) });
  }

  private keepEarly(ids: Iterable<string>): void {
    const now = monotonicMs();
    for (const [id, at] of this.early) if (now - at > EARLY_FOR_MS) this.early.delete(id);
    for (const id of ids) this.early.set(id, now);
  }

  private saidEarly(id: string): boolean {
    const at = this.early.get(id);
    return at !== undefined && this.early.delete(id) && monotonicMs() - at <= EARLY_FOR_MS;
  }
}
