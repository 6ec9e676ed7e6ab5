export * from './fleet.module.js';
export * from './heartbeat.js';
export * from './leadership.js';
export * from './leaderships.js';
export type { ProcessPart, ProcessRecord } from './process-record.js';
export * from './roll-call.js';
export * from './this-process.js';
export { BEAT_EVERY_MS, DEAD_AFTER_MS, SKEW_LIMIT_MS } from './times.js';
