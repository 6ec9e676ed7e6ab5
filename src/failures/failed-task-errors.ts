import { RequestError } from '../foundation/index.js';

/** No FailedTask has this id. */
export class FailedTaskNotFoundError extends RequestError {
  readonly code = 'not-found';
  constructor(id: string) {
    super(`There is no failed task ${id}.`, { id });
  }
}

/** The FailedTask was dismissed: it is closed for good. Enqueue its task again if it should run after all. */
export class FailedTaskDismissedError extends RequestError {
  readonly code = 'already-final';
  constructor(id: string, task: string) {
    super(
      `Failed task ${id} was dismissed and cannot be retried. To run its work after all: POST /tasks/${task}/again.`,
      { id, task },
    );
  }
}
