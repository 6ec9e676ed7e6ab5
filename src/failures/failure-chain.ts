import { setMaxListeners } from 'node:events';
import { Injectable } from '@nestjs/common';
import { Deadline, SECOND, TestSignal } from '../foundation/index.js';
import { ThisProcess } from '../fleet/index.js';
import { PendingFailures, type RecordedFailures, type ClaimedFailure } from '../ledger/index.js';
import { Telemetry } from '../telemetry/index.js';
import { FailureLinks } from './failure-links.js';
import { NotifyAdmins } from './notify-admins.js';
import { RecordFailedTask } from './record-failed-task.js';
import { RunLinks, type Verdict } from './run-links.js';

/** Tests wait here, between the record of the FailedTask and the handlers; they find it by its name. @public */
export const failureClaimed = new TestSignal('failures.claimed');

/** Failures recorded by one statement. */
const RECORD_AT_ONCE = 200;
/** Failures claimed by one statement. What one of them does to its process is done to all: then they are suspects. */
const CLAIM_AT_ONCE = 100;
/** Failures of a claim whose links run side by side. */
const SIDE_BY_SIDE = 10;
/** What could not begin by then is given back: a claim is taken over after a minute, and a chain may take 48 s. */
const BEGIN_WITHIN_MS = 10 * SECOND;

/**
 * What happens after the last attempt. The ledger has written FAILED together with a *pending failure*; whoever lives
 * handles it to the end:
 *
 * 1. **record**: a FailedTask for each pending failure, always and first. Where no handler wants to see the job's
 *    failures, that and the admins' digest are one statement, which also closes them: ten thousand cost fifty commits.
 * 2. **claim**: otherwise this process takes a few; its claim counts, so that a failure whose handlers kill their process
 *    is known by its third claim. One that was claimed before is handled alone: its neighbours shall not be suspected.
 * 3. **links**: the users' handlers, in order; any may stop the rest.
 * 4. **notify**: the built-in last link, in the statement that closes the pending failure.
 *
 * A crash before 4 leaves the row as it is, and the failure is handled again: FailedTasks are unique per task, digests
 * are marked once per close, users' links run at least once.
 */
@Injectable()
export class FailureChain {
  constructor(
    private readonly self: ThisProcess,
    private readonly pending: PendingFailures,
    private readonly recordFailedTask: RecordFailedTask,
    private readonly links: FailureLinks,
    private readonly runLinks: RunLinks,
    private readonly notifyAdmins: NotifyAdmins,
    private readonly telemetry: Telemetry,
  ) {}

  /**
   * Records every pending failure that is not on record, and answers how many, and how many of them wait for handlers.
   * `everyJobWaits`: this process does not know whose failures the workers' handlers want to see.
   */
  async record(everyJobWaits: boolean, signal: AbortSignal): Promise<RecordedFailures> {
    const handledJobs = everyJobWaits ? null : this.links.jobs;
    const { noteIntervalsMs } = this.notifyAdmins;
    for (let total = { recorded: 0, waiting: 0 }; ;) {
      const { looked, recorded, waiting } = await this.recordFailedTask.some(RECORD_AT_ONCE, {
        handledJobs,
        noteIntervalsMs,
      });
      if (recorded > 0) this.telemetry.emit('failure.recorded', { failures: recorded });
      total = { recorded: total.recorded + recorded, waiting: total.waiting + waiting };
      if (looked < RECORD_AT_ONCE || signal.aborted) return total;
    }
  }

  /** Claims a few recorded failures and handles them to the end. Answers how many; 0: there are none for us. */
  async handleSome(signal: AbortSignal): Promise<number> {
    const { id: me } = this.self; // whose claims these are, also if we are somebody new by the end
    const claimed = await this.claim(me);
    if (claimed.length === 0) return 0;
    await failureClaimed.reached(claimed);
    const begin = Deadline.after(BEGIN_WITHIN_MS);
    setMaxListeners(2 * SIDE_BY_SIDE, signal); // each link in flight listens to it; Node would suspect a leak
    const verdicts = await inLanes(SIDE_BY_SIDE, claimed, (failure) =>
      begin.isOver ? Promise.resolve(INTERRUPTED) : this.runLinks.over(failure, signal),
    );
    await this.settle(me, claimed, verdicts);
    return claimed.length;
  }

  /** Closes failures that no worker has handled for ten minutes, by the built-in links alone: the admins must hear of them. */
  async handleAbandoned(): Promise<number> {
    return this.pending.closeAbandoned(RECORD_AT_ONCE, this.notifyAdmins.noteIntervalsMs);
  }

  private async claim(me: string): Promise<ClaimedFailure[]> {
    const fresh = await this.pending.claim(me, 'fresh', CLAIM_AT_ONCE);
    return fresh.length > 0 ? fresh : this.pending.claim(me, 'suspect', 1);
  }

  private async settle(
    me: string,
    claimed: readonly ClaimedFailure[],
    verdicts: readonly Verdict[],
  ): Promise<void> {
    const ended = claimed.map((failure, i) => ({ failure, verdict: verdicts[i] ?? INTERRUPTED }));
    const interrupted = ended.filter(({ verdict }) => verdict.kind === 'interrupted');
    await this.pending.release(
      interrupted.map(({ failure }) => failure.task),
      me,
    );
    const done = ended.filter(({ verdict }) => verdict.kind !== 'interrupted');
    if (done.length > 0) await this.close(me, done);
  }

  private async close(
    me: string,
    ended: readonly { failure: ClaimedFailure; verdict: Verdict }[],
  ): Promise<void> {
    const closed = ended.map(({ failure, verdict }) => ({
      task: failure.task,
      handledBy: verdict.kind === 'stopped' ? verdict.by : null,
    }));
    await this.pending.close(closed, me, this.notifyAdmins.noteIntervalsMs);
    for (const { failure, verdict } of ended) {
      if (verdict.kind !== 'stopped') continue;
      this.telemetry.emit('failure.handled', {
        taskId: failure.task,
        failedTask: failure.failedTask,
        handledBy: verdict.by,
      });
    }
  }
}

const INTERRUPTED: Verdict = { kind: 'interrupted' };

async function inLanes<I, O>(
  lanes: number,
  items: readonly I[],
  work: (item: I) => Promise<O>,
): Promise<O[]> {
  const results: O[] = [];
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [i, item] of queue) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return results;
}
