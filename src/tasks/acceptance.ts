import { Injectable } from '@nestjs/common';
import { Batcher, Deadline, TestSignal, messageOf, withTimeout } from '../foundation/index.js';
import { Dispatcher, Relay, WINDOW_MS, type Entry } from '../dispatch/index.js';
import {
  AcceptKeyed,
  AcceptTasks,
  Outbox,
  type Accepted,
  type AcceptedEarly,
  type NewTask,
} from '../ledger/index.js';
import { LedgerUnavailableError } from '../postgres/index.js';
import { Telemetry } from '../telemetry/index.js';

/** Tests wait here, between the commit and the dispatch. */
export const taskCommitted = new TestSignal('tasks.committed');

/** Redis may take this long; then the caller gets its 202 and the relay dispatches (PROTOCOL rule 9). */
const DISPATCH_LIMIT_MS = 500;
/** Within this long PostgreSQL has committed, or the caller is told that nobody knows. */
const ACCEPT_LIMIT_MS = 2_500;

/**
 * Committed, then dispatched: many callers share one statement and one script call per queue; a lone one waits for the disk
 * beside its dispatch. When `accept` resolves the task cannot be lost; usually it stands in Redis too. A dispatch that fails is
 * not the caller's trouble: the outbox row that was committed with the task reminds the relay.
 */
@Injectable()
export class Acceptance {
  private readonly batches: Batcher<NewTask, Accepted>;
  private readonly keyed: Batcher<NewTask, Accepted>;

  constructor(
    private readonly ledger: AcceptTasks,
    keyed: AcceptKeyed,
    private readonly outbox: Outbox,
    private readonly dispatcher: Dispatcher,
    private readonly relay: Relay,
    private readonly telemetry: Telemetry,
  ) {
    this.batches = new Batcher((tasks, answered) => this.flush(tasks, ledger.acceptEach(tasks), answered), {
      maxItems: 400,
      inFlight: 4,
      shareFrom: 50,
      takesTurns: true,
    });
    // A lane of their own: a key that somebody holds must delay nobody else (PROTOCOL interleaving 12).
    this.keyed = new Batcher(
      (tasks, answered) => this.flush(tasks, kept(keyed.acceptEach(tasks)), answered),
      {
        maxItems: 200,
        inFlight: 1,
      },
    );
  }

  /** One task, group-committed. Throws `LedgerUnavailableError` within 2.5 s when PostgreSQL is away. */
  accept(task: NewTask): Promise<Accepted> {
    return (task.idempotencyKey === null ? this.batches : this.keyed).add(task);
  }

  /** All or nothing, in one transaction of our own. */
  async acceptAll(tasks: readonly NewTask[]): Promise<readonly Accepted[]> {
    try {
      const { outcomes, onDisk } = await this.ledger.acceptAll(tasks);
      await Promise.all([this.dispatch(fresh(tasks, outcomes)), onDisk]);
      return outcomes;
    } catch (error) {
      this.relay.nudge(); // a COMMIT whose answer was lost
      throw error;
    }
  }

  /** Puts committed tasks into Redis, within 500 ms; what does not get there is left to the relay. Never throws. */
  async dispatch(tasks: readonly NewTask[]): Promise<void> {
    if (tasks.length === 0) return;
    try {
      await taskCommitted.reached(tasks);
      const now = Date.now();
      const due = tasks.filter((task) => task.dueAt === null || task.dueAt.getTime() - now < WINDOW_MS);
      if (due.length > 0)
        await withTimeout(
          this.dispatcher.put(due.map((task) => entryOf(task, now))),
          DISPATCH_LIMIT_MS,
          () => new Error(`Redis did not answer within ${String(DISPATCH_LIMIT_MS)} ms`),
        );
      this.outbox.dispatched(tasks.map((task) => task.id));
    } catch (error) {
      this.telemetry.emit('dispatch.failed', { tasks: tasks.length, error: messageOf(error) });
      this.relay.nudge();
    }
  }

  private async flush(
    tasks: readonly NewTask[],
    accepting: Promise<AcceptedEarly<Outcome>>,
    answered: () => void,
  ): Promise<readonly Outcome[]> {
    const limit = Deadline.after(ACCEPT_LIMIT_MS);
    try {
      const { outcomes, onDisk } = await withinLimit(accepting, limit);
      answered();
      // The disk and Redis at once: a worker may begin meanwhile, the caller hears of it when both have it.
      await Promise.all([this.dispatch(fresh(tasks, outcomes)), withinLimit(onDisk, limit)]);
      return outcomes.map((outcome, i) => this.whenKnown(outcome, tasks[i]));
    } catch (error) {
      this.dispatchLate(tasks, accepting);
      throw error;
    }
  }

  private whenKnown(outcome: Outcome, task: NewTask | undefined): Outcome {
    if (!(outcome instanceof Promise) || task === undefined) return outcome;
    return outcome.then(async (accepted) => {
      await this.dispatch(fresh([task], [accepted]));
      return accepted;
    });
  }

  // Nobody knows whether they are accepted; if they are, they must run. The outbox row was committed with them or not at all.
  private dispatchLate(tasks: readonly NewTask[], accepting: Promise<AcceptedEarly<Outcome>>): void {
    accepting
      .then(async ({ outcomes }) => {
        await this.dispatch(fresh(tasks, outcomes));
        await Promise.allSettled(outcomes.map(async (outcome, i) => this.whenKnown(outcome, tasks[i])));
      })
      .catch(() => {
        this.relay.nudge();
      });
  }
}

type Outcome = Accepted | Error | Promise<Accepted>;

function withinLimit<T>(asked: Promise<T>, limit: Deadline): Promise<T> {
  return withTimeout(
    asked,
    limit.remainingMs,
    () => new LedgerUnavailableError(new Error('no answer in time')),
  );
}

/** For accepts that have waited for the disk before they answer. */
async function kept(accepting: Promise<readonly Outcome[]>): Promise<AcceptedEarly<Outcome>> {
  return { outcomes: await accepting, onDisk: Promise.resolve() };
}

function fresh(tasks: readonly NewTask[], outcomes: readonly Outcome[]): readonly NewTask[] {
  const isFresh = (outcome: Outcome | undefined): boolean =>
    outcome !== undefined && 'isNew' in outcome && outcome.isNew;
  return outcomes.every(isFresh) ? tasks : tasks.filter((_, i) => isFresh(outcomes[i]));
}

/** The entry of a task that was just accepted. */
export function entryOf(task: NewTask, at: number): Entry {
  return {
    id: task.id,
    job: task.job,
    queue: task.queue,
    payload: task.payloadText,
    priority: task.priority,
    dueAt: task.dueAt?.getTime() ?? null,
    at,
    where: 'tail',
  };
}
