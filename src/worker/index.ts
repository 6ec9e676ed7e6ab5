export { decideOutcome, RESULT_MAX_BYTES, type Circumstances, type Ending, type Outcome } from './outcome.js';
export * from './running-task.js';
export { RunningTasks } from './running-tasks.js';
export { PARKED_CHANNEL, UnknownJobs } from './unknown-jobs.js';
export * from './worker.js';
export * from './worker.module.js';
