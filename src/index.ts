/** The published surface, in the order a reader needs it. Nothing but re-exports. */

// A job: a decorated class, and what it receives.
export * from './jobs/index.js';

// Enqueue it, and what may be done to a task from outside of its run.
export {
  AlreadyFinalError,
  BacklogFullError,
  type Cancelled,
  type EnqueuedMany,
  type EnqueuedTask,
  type EnqueueOptions,
  IdempotencyKeyReusedError,
  IllegalMoveError,
  InvalidOptionsError,
  KeyInFlightError,
  NoWorkerError,
  PayloadTooLargeError,
  Queues,
  type TaskEvent,
  TaskNotFoundError,
  Tasks,
  type TaskView,
  UnknownQueueError,
  WorkersUnknownError,
} from './tasks/index.js';

// When it fails for good.
export {
  Attention,
  type Failure,
  FailedTaskDismissedError,
  FailedTaskNotFoundError,
  FailedTasks,
  FailureHandler,
  type FailureHandlerOptions,
  type FailureLink,
  type FailureGroupView,
  type FailedTaskView,
  type FailedTaskDetails,
} from './failures/index.js';

// When it is due by itself.
export {
  EnqueueOn,
  InvalidScheduleError,
  type ScheduleBody,
  ScheduleNotFoundError,
  Schedules,
  type ScheduleView,
  type TickView,
} from './clock/index.js';

// Put it into an app.
export { ShiftworkModule, type ShiftworkOptions, start, type StartOptions } from './app/index.js';
export { loadSettings, type Role, SETTINGS, type Settings, SettingsError } from './config/index.js';
export { Telemetry } from './telemetry/index.js';

// The ledger's database, for rows that commit with a checkpoint; mail to the admins.
export { LedgerUnavailableError, Postgres } from './postgres/index.js';
export { Mailer, MailModule } from './mail/index.js';

// What all of them throw: `code` is stable.
export { BadCursorError, ShiftworkError } from './foundation/index.js';
