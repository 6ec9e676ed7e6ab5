import { Injectable } from '@nestjs/common';
import type { Delivery, Disposition, Prepared, Run } from '../dispatch/index.js';
import { DEAD_AFTER_MS, Heartbeat, ThisProcess } from '../fleet/index.js';
import { isUnavailable, LedgerUnavailableError } from '../postgres/index.js';
import { messageOf, pause, SECOND } from '../foundation/index.js';
import { JobRegistry, TaskCancelled, TaskTimedOut, type JobDefinition } from '../jobs/index.js';
import { Executions, Processes, type Recorded, type Refused, type Started } from '../ledger/index.js';
import { Failures } from '../failures/index.js';
import { TaskFeed } from '../tasks/index.js';
import { Telemetry } from '../telemetry/index.js';
import { decideOutcome, type Ending, type Outcome } from './outcome.js';
import { RunWrites } from './run-writes.js';
import { DEAF_MS, RunningTask } from './running-task.js';
import { RunningTasks } from './running-tasks.js';
import { tellEnd } from './tell-end.js';
import { UnknownJobs } from './unknown-jobs.js';
import { withoutSecretsOf } from './without-secrets-of.js';

/** While PostgreSQL is away it is asked again this often, ms. */
const LEDGER_AWAY_PAUSE_MS = 250;
/** A task whose former handler still runs here (deaf to its timeout) does not start beside it; it is looked at again, ms. */
const DEAF_AGAIN_MS = SECOND;

/**
 * Runs delivered tasks, from claim to disposition: start → perform → decide → record → follow up. A job's own error never
 * rejects anything here; it is an outcome.
 */
@Injectable()
export class TaskRunner {
  private giveUpStarting = new AbortController();
  private quiet = false;

  constructor(
    private readonly self: ThisProcess,
    private readonly jobs: JobRegistry,
    private readonly unknown: UnknownJobs,
    private readonly executions: Executions,
    private readonly processes: Processes,
    private readonly heartbeat: Heartbeat,
    private readonly writes: RunWrites,
    private readonly running: RunningTasks,
    private readonly failures: Failures,
    private readonly feed: TaskFeed,
    private readonly telemetry: Telemetry,
  ) {}

  /** START for a whole batch in one commit, and an answer for each delivery. Waits while PostgreSQL is away. */
  async start(deliveries: readonly Delivery[]): Promise<readonly (Prepared | Disposition)[]> {
    const startable = this.startable(deliveries);
    const unknown =
      startable.length === deliveries.length
        ? []
        : deliveries.filter((delivery) => this.jobs.find(delivery.job) === undefined);
    // A park that fails must not take back the starts that were committed beside it.
    const [answers, unknownGo] = await Promise.all([
      this.commitStart(startable),
      this.unknown.dispose(unknown).then(
        () => PARK,
        () => later(2 * SECOND),
      ),
    ]);
    let next = 0;
    return deliveries.map((delivery) => {
      const definition = this.jobs.find(delivery.job);
      if (definition === undefined) return unknownGo;
      return startable[next] === delivery
        ? this.prepared(delivery, definition, answers[next++])
        : later(DEAF_AGAIN_MS);
    });
  }

  /** From now on a checkpoint hands its task over. */
  goQuiet(): void {
    this.quiet = true;
  }

  goOn(): void {
    this.quiet = false;
    this.giveUpStarting = new AbortController();
  }

  /** Stops waiting for an absent ledger: nothing that was not started will be. */
  stopStarting(): void {
    this.giveUpStarting.abort();
  }

  private startable(deliveries: readonly Delivery[]): Delivery[] {
    const running = new Set(this.running.ids());
    return deliveries.filter(({ job, taskId }) => this.jobs.find(job) !== undefined && !running.has(taskId));
  }

  // The same claims again after a broken connection: a start that was committed counts as started (rule 6).
  private async commitStart(deliveries: readonly Delivery[]): Promise<(Started | Refused)[]> {
    if (deliveries.length === 0) return [];
    const { signal } = this.giveUpStarting;
    const { id } = this.self; // whose claims these are
    const waitsForDisk = deliveries.some(({ job }) => mustNotRepeat(this.jobs.find(job)));
    for (;;) {
      try {
        const answers = await this.executions.start(id, deliveries, { waitsForDisk });
        if (answers.some(mayStart)) void this.lookForOurselves(id);
        return answers;
      } catch (error) {
        if (!isUnavailable(error) || signal.aborted || this.self.id !== id)
          throw error instanceof Error ? error : new LedgerUnavailableError(error);
        await pause(LEDGER_AWAY_PAUSE_MS, signal);
      }
    }
  }

  // Usually somebody has the row locked for a moment. But the ledger also refuses our starts once others have declared us gone.
  private async lookForOurselves(id: string): Promise<void> {
    const isGone = await this.processes.isGone(id).catch(() => false); // away: the next refusal asks again
    if (isGone && this.self.id === id) this.heartbeat.presumeDead(DEAD_AFTER_MS);
  }

  private prepared(
    delivery: Delivery,
    definition: JobDefinition,
    answer: Started | Refused | undefined,
  ): Prepared | Disposition {
    if (answer === undefined) return DROP;
    if (answer.kind !== 'started') return whereto(answer);
    return { run: () => this.run(delivery, definition, answer), release: () => this.release(delivery) };
  }

  private run(delivery: Delivery, definition: JobDefinition, started: Started): Run {
    const task = new RunningTask(delivery, started, definition, this.writes, () => this.quiet);
    this.running.add(task);
    this.feed.tellChanged(task.id);
    if (started.cancelRequested) task.interrupt(new TaskCancelled());
    const handler = this.perform(task);
    const disposition = task.ended.promise.then((ending) => this.settle(task, ending));
    return { ended: this.untilSlotIsFree(task, handler), disposition };
  }

  private async perform(task: RunningTask): Promise<void> {
    const { timeoutMs } = task.started;
    const timer =
      timeoutMs === null
        ? undefined
        : setTimeout(() => {
            this.timeOut(task, timeoutMs);
          }, timeoutMs);
    try {
      const value = await task.definition.run(JSON.parse(task.delivery.payloadText), task);
      task.end({ kind: 'returned', value });
    } catch (thrown) {
      task.end({ kind: 'threw', thrown });
    } finally {
      clearTimeout(timer);
      this.running.remove(task);
    }
  }

  // The attempt ends now; the slot stays taken until the handler has noticed.
  private timeOut(task: RunningTask, timeoutMs: number): void {
    const reason = new TaskTimedOut(timeoutMs);
    task.interrupt(reason);
    task.end({ kind: 'overruled', by: reason });
  }

  // Mostly the handler settles, and that is all. One that was overruled keeps its slot until it has noticed.
  private untilSlotIsFree(task: RunningTask, handler: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      void handler.then(resolve);
      task.onOverruled(() => void this.untilNoticed(task, handler).then(resolve));
    });
  }

  private async untilNoticed(task: RunningTask, handler: Promise<void>): Promise<void> {
    const stop = new AbortController();
    const deaf = pause(DEAF_MS, stop.signal).then(() => {
      if (!stop.signal.aborted) this.reportDeaf(task);
    });
    await Promise.race([handler, deaf]);
    stop.abort();
    this.running.remove(task);
  }

  private reportDeaf(task: RunningTask): void {
    this.telemetry.emit('task.deaf', { taskId: task.id, job: task.job, forMs: DEAF_MS });
  }

  private async settle(task: RunningTask, ending: Ending): Promise<Disposition> {
    try {
      const outcome = this.decide(task, ending);
      const unwritten = this.writes.settle(task);
      if (unwritten !== undefined) await unwritten;
      const { id, claim, wroteInTransaction: mayBeLocked } = task;
      const recorded = await this.executions.end({ id, claim, mayBeLocked, ...outcome });
      return this.followUp(task, outcome, recorded);
    } catch (error) {
      // The ledger refused the end itself: the row stays STARTED by us until we go, and then a rescuer finds it.
      this.telemetry.emit('task.endRefused', { taskId: task.id, error: messageOf(error) });
      return DROP;
    } finally {
      this.running.recorded(task);
    }
  }

  private decide(task: RunningTask, ending: Ending): Outcome {
    const { attemptsMade, attemptsMax } = task.started;
    const outcome = decideOutcome(ending, {
      signalled: task.signalled,
      attemptsMade,
      attemptsMax,
      backoff: task.definition.backoff,
      onWorkerLost: task.definition.onWorkerLost,
      now: new Date(),
      random: Math.random(),
    });
    return outcome.error === null
      ? outcome
      : { ...outcome, error: withoutSecretsOf(task.delivery.payloadText, task.definition, outcome.error) };
  }

  private followUp(task: RunningTask, outcome: Outcome, recorded: Recorded): Disposition {
    if (recorded.kind === 'lost') {
      this.telemetry.emit('task.claimLost', {
        taskId: task.id,
        execution: task.execution,
        write: outcome.outcome,
      });
      return whereto(recorded.row);
    }
    this.feed.tellChanged(task.id);
    tellEnd(this.telemetry, task, outcome, recorded.status);
    switch (recorded.status) {
      case 'FAILED':
        this.failures.noteFailed();
        return SETTLED;
      case 'RETRYING':
      case 'SCHEDULED':
        return { kind: 'later', runAt: outcome.dueAt?.getTime() ?? Date.now() };
      case 'QUEUED':
        return HEAD;
      case 'FINISHED':
      case 'CANCELLED':
        return SETTLED;
      case 'STARTED':
        return DROP;
    }
  }

  // Tried until the ledger takes it. Given up only when the process must go: then its row is rescued with the others.
  private async release(delivery: Delivery): Promise<Disposition> {
    const { signal } = this.giveUpStarting;
    for (;;) {
      try {
        const [released] = await this.executions.release([delivery]);
        if (released !== 'cancelled') return HEAD;
        this.feed.tellChanged(delivery.taskId);
        return SETTLED;
      } catch {
        if (signal.aborted) return DROP; // away, or it refuses: while we live, nobody else takes back what we have started
        await pause(LEDGER_AWAY_PAUSE_MS, signal);
      }
    }
  }
}

/** Refused, although its row waits and is due: then our process may have been declared gone. */
function mayStart(answer: Started | Refused): boolean {
  return answer.kind === 'waiting' && answer.dueAt <= Date.now() + SECOND;
}

function mustNotRepeat(definition: JobDefinition | undefined): boolean {
  return definition?.onWorkerLost === 'fail' || definition?.exclusive === true;
}

/** Where the entry goes when the ledger has refused our write: another execution, or somebody else, has the task. */
function whereto(row: Refused): Disposition {
  switch (row.kind) {
    case 'waiting':
      return { kind: 'later', runAt: row.dueAt };
    case 'ended':
    case 'unknown':
      return SETTLED;
    case 'taken':
      return DROP;
  }
}

const SETTLED: Disposition = { kind: 'settled' };
const DROP: Disposition = { kind: 'drop' };
const HEAD: Disposition = { kind: 'head' };
const PARK: Disposition = { kind: 'park' };

function later(ms: number): Disposition {
  return { kind: 'later', runAt: Date.now() + ms };
}
