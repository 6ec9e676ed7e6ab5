import type { WaitingTask } from '../ledger/index.js';
import { isSuspect } from '../ledger/index.js';
import type { Entry } from './entry.js';

/** The entry of a row that waits. Putting it leaves an active entry alone, unless it goes to the head. */
export function entryOf(task: WaitingTask, crashLimit: number, where: Entry['where'] = 'tail'): Entry {
  const { id, job, queue, payload, priority, dueAt, createdAt, crashes } = task;
  return {
    id,
    job,
    queue,
    payload,
    priority,
    dueAt: dueAt?.getTime() ?? null,
    at: createdAt.getTime(),
    suspect: isSuspect(crashes, crashLimit),
    where,
  };
}
