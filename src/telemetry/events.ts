import type { EventSpec, Level } from './event.js';
import { CLOCK_EVENTS } from './events/clock.js';
import { CONTROL_EVENTS } from './events/control.js';
import { DISPATCH_EVENTS } from './events/dispatch.js';
import { FAILURES_EVENTS } from './events/failures.js';
import { HTTP_EVENTS } from './events/http.js';
import { PROCESS_EVENTS } from './events/process.js';
import { TASKS_EVENTS } from './events/tasks.js';
import { WORKER_EVENTS } from './events/worker.js';

/** Every event Shiftwork emits: name → fields, level, constant sentence. The whole of our logging, in one place. */
export const EVENTS = {
  ...WORKER_EVENTS,
  ...PROCESS_EVENTS,
  ...DISPATCH_EVENTS,
  ...TASKS_EVENTS,
  ...FAILURES_EVENTS,
  ...CLOCK_EVENTS,
  ...CONTROL_EVENTS,
  ...HTTP_EVENTS,
} as const;

export type EventName = keyof typeof EVENTS;
export type FieldsOf<N extends EventName> =
  (typeof EVENTS)[N] extends EventSpec<infer Fields> ? Fields : never;

/** What a sink receives. */
export interface EmittedEvent {
  readonly name: EventName;
  readonly level: Level;
  readonly sentence: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
