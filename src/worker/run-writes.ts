import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DoNotRetry, TaskCancelled, TaskInterrupted } from '../jobs/index.js';
import { Executions, RecordProgress, TaskLogs, type LogLevel } from '../ledger/index.js';
import { TaskFeed } from '../tasks/index.js';
import { Telemetry } from '../telemetry/index.js';
import { ResultError, resultText } from './result-text.js';
import type { RunningTask, Writes } from './running-task.js';

interface Pending {
  percent: number;
  message: string | null;
  dirty: boolean;
  timer: NodeJS.Timeout | undefined;
  writing: Promise<void> | undefined;
}

/** Progress of a task is written at most this often; people do not read faster, ms. */
const PROGRESS_EVERY_MS = 500;

/** What a running job writes besides its outcome: progress (throttled, never waited for), checkpoints, lines. */
@Injectable()
export class RunWrites implements Writes {
  private readonly progress = new WeakMap<RunningTask, Pending>();
  private readonly lines = new WeakMap<RunningTask, Promise<unknown>>();

  constructor(
    private readonly ledger: RecordProgress,
    private readonly executions: Executions,
    private readonly logs: TaskLogs,
    private readonly feed: TaskFeed,
    private readonly telemetry: Telemetry,
  ) {}

  /** Remembers how far the task is; the first note is written at once, later ones with the next half second. */
  note(task: RunningTask, percent: number, message: string | null): void {
    const known = this.progress.get(task);
    const pending: Pending = known ?? { percent, message, dirty: true, timer: undefined, writing: undefined };
    if (known !== undefined)
      Object.assign(known, { percent, message: message ?? known.message, dirty: true });
    else this.progress.set(task, pending);
    pending.timer ??= setTimeout(
      () => {
        void this.write(task, pending);
      },
      known === undefined ? 0 : PROGRESS_EVERY_MS,
    ).unref();
  }

  /** Commits a checkpoint, or writes it into the job's transaction. A lost claim fires the signal and throws. */
  async checkpoint(
    task: RunningTask,
    stateText: string,
    transaction: EntityManager | undefined,
  ): Promise<void> {
    const answer = await this.ledger.checkpoint(task.id, task.claim, stateText, transaction);
    if (answer.owned) {
      if (answer.cancelRequested) task.interrupt(new TaskCancelled());
      return;
    }
    throw this.lost(task, 'checkpoint');
  }

  /** Writes FINISHED into the job's transaction. Throws, so that it is rolled back, when the result cannot be kept. */
  async finish(task: RunningTask, result: unknown, transaction: EntityManager): Promise<void> {
    const { id, claim } = task;
    await this.executions.finishIn(transaction, { id, claim, result: storable(result) });
  }

  log(task: RunningTask, message: string, level: LogLevel): void {
    const at = new Date();
    this.feed.tell({
      kind: 'log',
      id: task.id,
      at: at.toISOString(),
      level,
      message,
      execution: task.execution,
    });
    const line = this.logs
      .append({ taskId: task.id, claim: task.claim, execution: task.execution, at, level, message })
      .catch(() => undefined); // a line is not worth an attempt
    // Lines are flushed in order: when the last is written, all are. A promise of all of them would keep each as long as the run.
    this.lines.set(task, line);
  }

  /** Before the outcome: what the job said last must be there when the task has ended. Undefined: it said nothing. */
  settle(task: RunningTask): Promise<void> | undefined {
    return this.lines.has(task) || this.progress.has(task) ? this.writeLast(task) : undefined;
  }

  private async writeLast(task: RunningTask): Promise<void> {
    const lines = this.lines.get(task);
    if (lines !== undefined) {
      await lines;
      this.logs.forget(task.id);
    }
    const pending = this.progress.get(task);
    if (pending === undefined) return;
    await pending.writing;
    if (pending.dirty) await this.write(task, pending);
    clearTimeout(pending.timer);
    this.progress.delete(task);
  }

  private write(task: RunningTask, pending: Pending): Promise<void> {
    pending.timer = undefined;
    if (!pending.dirty) return Promise.resolve();
    pending.dirty = false;
    pending.writing = this.writeNow(task, pending).catch(() => undefined); // the next note tries again
    return pending.writing;
  }

  private async writeNow(task: RunningTask, { percent, message }: Pending): Promise<void> {
    const answer = await this.ledger.record({ id: task.id, claim: task.claim, percent, message });
    if (!answer.owned) {
      if (!task.wroteOutcome) this.lost(task, 'progress');
      return;
    }
    if (answer.cancelRequested) task.interrupt(new TaskCancelled());
    this.feed.tell({ kind: 'progress', id: task.id, version: answer.version, percent, message });
  }

  private lost(task: RunningTask, write: string): TaskInterrupted {
    this.telemetry.emit('task.claimLost', { taskId: task.id, execution: task.execution, write });
    const reason = new TaskInterrupted('the task belongs to another execution now');
    task.interrupt(reason);
    return reason;
  }
}

// As when `run` returns it: no other attempt.
function storable(result: unknown): string {
  try {
    return resultText(result);
  } catch (error) {
    throw error instanceof ResultError ? new DoNotRetry(error) : error;
  }
}
