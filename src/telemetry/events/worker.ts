import { event } from '../event.js';

export interface Run {
  readonly taskId: string;
  readonly job: string;
  readonly queue: string;
  readonly execution: number;
}

/** What happens to a running task. */
export const WORKER_EVENTS = {
  'task.finished': event<Run & { durationMs: number }>('info', 'A task finished'),
  'task.retrying': event<Run & { durationMs: number; error: string; runAt: string }>(
    'warn',
    'A task failed and will be tried again',
  ),
  'task.failed': event<Run & { durationMs: number; error: string }>('warn', 'A task failed for good'),
  'task.cancelled': event<Run & { durationMs: number }>('info', 'A running task was cancelled'),
  'task.snoozed': event<Run & { runAt: string }>('info', 'A task asked to run later'),
  'task.interrupted': event<Run & { durationMs: number; why: string }>('info', 'A task was handed over'),
  'task.claimLost': event<{ taskId: string; execution: number; write: string }>(
    'debug',
    'A late write was refused: the task belongs to another execution',
  ),
  'task.deaf': event<{ taskId: string; job: string; forMs: number }>(
    'error',
    'A job did not react to its signal; its slot was given up',
  ),
  'task.endRefused': event<{ taskId: string; error: string }>(
    'error',
    'PostgreSQL refused to record how a task ended',
  ),
} as const;
