export { decideOutcome, type Circumstances, type Ending, type Outcome } from './outcome.js';
export { RESULT_MAX_BYTES } from './result-text.js';
export * from './running-task.js';
export { RunningTasks } from './running-tasks.js';
export { PARKED_CHANNEL, UnknownJobs } from './unknown-jobs.js';
export * from './worker.js';
export * from './worker.module.js';
