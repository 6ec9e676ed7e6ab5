/**
 * Who is to blame when a process dies? Pure.
 *
 * A task that takes its worker down with it must not do so for ever, and the fifty tasks that happened to run beside it must
 * not be convicted with it. Nobody can see which one did it; but the guilty one is always there. So:
 * - Only tasks that the dead process had started are suspected, and only those that have been there most often before:
 *   the others are charged nothing. At first all are equal and all are charged; each further death splits off those who were
 *   not there, and the guilty one is never among them.
 * - A checkpoint saved since the last charge clears a task: it got somewhere.
 * - Who is one charge away from the limit runs at most one per process (a suspect), so that at the last death the process
 *   ran one suspect, and only that one is convicted. Earlier than that, nobody is held back: a storm of kills by the platform
 *   must not serialise everything.
 * - A process that said it was leaving did not die of a task: nobody is charged.
 */
export interface Lost {
  readonly id: string;
  readonly crashes: number;
  readonly crashedAt: Date | null;
  readonly checkpointAt: Date | null;
  readonly cancelRequested: boolean;
  readonly onWorkerLost: string;
}

export interface Circumstances {
  /** The process said that it was leaving, or gave up this identity: it did not crash. */
  readonly left: boolean;
  /** That many charges are one too many. */
  readonly crashLimit: number;
  /** What `blameFrom` was when this death was first judged; null: this is the first time. */
  readonly blameFrom: number | null;
}

export interface Verdict {
  readonly id: string;
  /** What becomes of the row. */
  readonly status: 'QUEUED' | 'CANCELLED' | 'FAILED';
  /** How this execution goes into the task's history. */
  readonly outcome: 'interrupted' | 'crashed' | 'cancelled';
  readonly crashes: number;
  readonly charged: boolean;
}

/** Tasks with at least this many earlier charges are to blame. It is kept, so that a rescue in two parts judges alike. */
export function blameFrom(lost: readonly Lost[]): number {
  return lost.reduce((most, task) => Math.max(most, standingCharges(task)), 0);
}

export function judge(lost: readonly Lost[], circumstances: Circumstances): Verdict[] {
  const from = circumstances.blameFrom ?? blameFrom(lost);
  return lost.map((task) => judgeOne(task, from, circumstances));
}

/** Whether a waiting task must run alone among its like. */
export function isSuspect(crashes: number, crashLimit: number): boolean {
  return crashes > 0 && crashes >= crashLimit - 1;
}

function judgeOne(task: Lost, from: number, { left, crashLimit }: Circumstances): Verdict {
  const before = standingCharges(task);
  const charged = !left && before >= from;
  const crashes = before + (charged ? 1 : 0);
  const base = { id: task.id, crashes, charged };
  // Whoever asked for the end has it now; nobody needs to hear of a failure (rule 7).
  if (task.cancelRequested) return { ...base, status: 'CANCELLED', outcome: 'cancelled' };
  // "Never again" was promised, whoever was to blame: it may have done its work just before the end.
  const failed = task.onWorkerLost === 'fail' || (charged && crashes >= crashLimit);
  if (failed) return { ...base, status: 'FAILED', outcome: 'crashed' };
  return { ...base, status: 'QUEUED', outcome: charged ? 'crashed' : 'interrupted' };
}

function standingCharges({ crashes, crashedAt, checkpointAt }: Lost): number {
  const cleared = crashedAt !== null && checkpointAt !== null && checkpointAt > crashedAt;
  return cleared ? 0 : crashes;
}
