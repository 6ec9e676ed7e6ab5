import { Tasks, type TaskEvent, type TaskWithExecutions } from '../tasks/index.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Rooms } from './action.js';

/** Whether a task ended as it should. */
export function exitCodeOfTask(task: Pick<TaskWithExecutions, 'status'>): ExitCode {
  return task.status === 'FAILED' || task.status === 'CANCELLED' ? EXIT.no : EXIT.done;
}

/** Follows a task to its end, or until the signal aborts; answers the task as it is then. */
export async function followToEnd(
  rooms: Rooms,
  id: string,
  signal: AbortSignal,
  tell: (event: TaskEvent) => void,
): Promise<TaskWithExecutions> {
  const tasks = rooms.get(Tasks);
  for await (const event of tasks.follow(id, signal)) tell(event);
  return tasks.get(id);
}
