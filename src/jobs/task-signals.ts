/** Reason of `task.signal`: somebody cancelled the task. What the run throws now is not a failure. */
export class TaskCancelled extends Error {
  override readonly name = 'TaskCancelled';
  constructor() {
    super('The task was cancelled');
  }
}

/** Reason of `task.signal`: the run took longer than the job's `timeout`. The attempt counts as failed. */
export class TaskTimedOut extends Error {
  override readonly name = 'TaskTimedOut';
  constructor(readonly timeoutMs: number) {
    super(`The run took longer than its timeout of ${String(timeoutMs)} ms`);
  }
}

/** Reason of `task.signal`: this process must go, and another one takes over. No attempt is charged. */
export class TaskInterrupted extends Error {
  override readonly name = 'TaskInterrupted';
  constructor(readonly why: string) {
    super(`The run was interrupted: ${why}`);
  }
}
