export type { EventSpec, Level } from './event.js';
export * from './events.js';
export * from './log-sink.js';
export * from './pino-logger.js';
export * from './telemetry.js';
export * from './telemetry.module.js';
export * from './told-loop.js';
