import { event } from '../event.js';

/** What happens after the last attempt, and what the admins are told. */
export const FAILURES_EVENTS = {
  'failure.recorded': event<{ failures: number }>('debug', 'FailedTasks were written'),
  'failure.handled': event<{ taskId: string; failedTask: string; handledBy: string }>(
    'info',
    'A failure handler took care of a failure; the admins are not told',
  ),
  'failureHandler.failed': event<{ taskId: string; failedTask: string; handler: string; error: string }>(
    'warn',
    'A failure handler threw or took too long; the rest of the chain went on',
  ),
  'failureHandler.leftOut': event<{ taskId: string; failedTask: string; claims: number }>(
    'error',
    'The failure handlers ended their process twice over this failure and are left out',
  ),
  'failedTask.retried': event<{ failedTask: string; taskId: string; by: string }>(
    'info',
    'A failed task was enqueued again',
  ),
  'failedTask.dismissed': event<{ failedTask: string; by: string }>('info', 'A failed task was dismissed'),
  'failedTask.dismissedMany': event<{ failedTasks: number; by: string }>(
    'info',
    'Failed tasks were dismissed',
  ),
  'mail.sent': event<{ about: string; messageId: string; causes: number }>(
    'info',
    'The admins were written to',
  ),
  'mail.failed': event<{ error: string }>(
    'warn',
    'The mail server did not take a mail; it is kept and sent later',
  ),
  'mail.recovered': event<object>('info', 'The mail server takes mails again'),
  'attention.raised': event<{ kind: string; key: string }>(
    'warn',
    'Something needs the attention of an admin',
  ),
  'retention.pruned': event<{ tasks: number; failedTasks: number }>('info', 'Old tasks were deleted'),
} as const;
