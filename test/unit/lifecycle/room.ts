import { deferred, type Deadline } from '../../../src/foundation/index.js';
import type { BusyWith, Drainable } from '../../../src/lifecycle/index.js';
import type { Role } from '../../../src/config/index.js';

/** A room with nothing in it: it does what it is told and writes down in what order. */
export class PlainRoom implements Drainable {
  tasks: BusyWith[] = [];
  unrecorded = 0;
  isQuiet = false;
  private waiters: (() => void)[] = [];
  /** What this room does when it is interrupted or flushed. */
  onInterrupt: () => Promise<void> | void = () => undefined;
  onFlush: (deadline: Deadline) => Promise<void> | void = () => undefined;
  onQuiet: () => Promise<void> | void = () => undefined;

  constructor(
    readonly name: string,
    readonly role: Role | null,
    readonly order: number,
    private readonly diary: string[] = [],
  ) {}

  async quiet(): Promise<void> {
    this.diary.push(`quiet ${this.name}`);
    await this.onQuiet();
    this.isQuiet = true;
  }
  async resume(): Promise<void> {
    this.diary.push(`resume ${this.name}`);
    this.isQuiet = false;
  }
  busy(): readonly BusyWith[] {
    return this.tasks;
  }
  pending(): number {
    return this.unrecorded;
  }
  async untilIdle(): Promise<void> {
    if (this.tasks.length + this.unrecorded === 0) return;
    const idle = deferred();
    this.waiters.push(idle.resolve);
    await idle.promise;
  }
  async interrupt(): Promise<void> {
    this.diary.push(`interrupt ${this.name}`);
    await this.onInterrupt();
  }
  async flush(deadline: Deadline): Promise<void> {
    this.diary.push(`flush ${this.name}`);
    await this.onFlush(deadline);
  }

  start(task: string): void {
    this.tasks = [...this.tasks, { task, job: 'a.job', queue: 'default', since: new Date().toISOString() }];
  }

  end(task: string): void {
    this.tasks = this.tasks.filter((each) => each.task !== task);
    if (this.tasks.length + this.unrecorded > 0) return;
    for (const wake of this.waiters) wake();
    this.waiters = [];
  }
}
