import { Injectable } from '@nestjs/common';
import { TaskCancelled, TaskInterrupted } from '../jobs/index.js';
import type { BusyWith } from '../lifecycle/index.js';
import type { RunningTask } from './running-task.js';

/** What this process runs now, since when, and how to interrupt it. */
@Injectable()
export class RunningTasks {
  private readonly byId = new Map<string, RunningTask>();
  private readonly unrecorded = new Set<RunningTask>();
  private waiters: (() => void)[] = [];

  add(task: RunningTask): void {
    this.byId.set(task.id, task);
    this.unrecorded.add(task);
  }

  /** Its handler is not running any more. */
  remove(task: RunningTask): void {
    if (this.byId.get(task.id) === task) this.byId.delete(task.id);
  }

  /** Its outcome is in the ledger, or belongs to somebody else. */
  recorded(task: RunningTask): void {
    this.unrecorded.delete(task);
    if (this.unrecorded.size > 0) return;
    for (const wake of this.waiters.splice(0)) wake();
  }

  /** Resolves when no run is without a recorded outcome; a handler that was overruled may still be running. */
  async untilRecorded(): Promise<void> {
    while (this.unrecorded.size > 0) await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  /** Runs without a recorded outcome. */
  get unrecordedCount(): number {
    return this.unrecorded.size;
  }

  has(id: string): boolean {
    return this.byId.has(id);
  }

  get size(): number {
    return this.byId.size;
  }

  ids(): string[] {
    return [...this.byId.keys()];
  }

  all(): readonly RunningTask[] {
    return [...this.byId.values()];
  }

  busy(): BusyWith[] {
    return this.all().map((task) => task.busyWith);
  }

  /** What runs, and what ended without being recorded yet: everything that would run again if we died now. */
  unfinished(): BusyWith[] {
    const ended = [...this.unrecorded].filter((task) => this.byId.get(task.id) !== task);
    return [...this.busy(), ...ended.map((task) => task.busyWith)];
  }

  /** Fires the signal of those of these tasks that run here. */
  cancel(ids: readonly string[]): void {
    for (const id of ids) this.byId.get(id)?.interrupt(new TaskCancelled());
  }

  /** Fires every signal: the process must go, or is no longer who it was. */
  interrupt(why: string): void {
    for (const task of this.all()) task.interrupt(new TaskInterrupted(why));
  }

  /** Ends every run as it stands; what its handler does later changes nothing. */
  overrule(why: string): void {
    for (const task of this.all()) task.end({ kind: 'overruled', by: new TaskInterrupted(why) });
  }
}
