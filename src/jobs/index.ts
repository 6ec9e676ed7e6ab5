export type { AnyJob, EnqueuePayload, Job, JobClass, PayloadOf, ResultOf } from './job.js';
export { JobHandler } from './job-handler.decorator.js';
export {
  DEFAULT_ATTEMPTS,
  DEFAULT_BACKOFF,
  DEFAULT_QUEUE,
  type JobOptions,
  MOST_TIMEOUT_MS,
  NoPayload,
} from './job-options.js';
export type { TaskContext } from './task-context.js';
export { DoNotRetry, RetryIn, Snooze } from './job-wishes.js';
export { TaskCancelled, TaskInterrupted, TaskTimedOut } from './task-signals.js';
export {
  assertNoEntities,
  type EntityClass,
  type EntityRef,
  entityRef,
  isEntityRef,
  IsEntityRef,
} from './entity-ref.js';
export { Secret } from './secret.decorator.js';
export { REDACTED, redactSecrets } from './redact-secrets.js';
export { restoreSecrets, withoutSecrets } from './secret-values.js';
export type { DtoClass, PayloadDeclaration, PayloadFrom, PayloadSchema } from './payload-schema.js';
export type { JsonSchema } from './json-schema.js';
export type { JobDefinition } from './job-definition.js';
export { JobRegistry } from './job-registry.js';
export {
  DuplicateJobError,
  EntityGoneError,
  InvalidPayloadError,
  MissingPayloadError,
  type PayloadIssue,
  UnknownJobError,
} from './job-errors.js';
export { JobsModule } from './jobs.module.js';
