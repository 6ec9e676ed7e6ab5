export * from './clock-errors.js';
export { Clock, ticksPlanned } from './clock.js';
export * from './clock.module.js';
export * from './no-clock-watch.js';
export type { ScheduleBody } from './schedule-body.js';
export {
  EnqueueOn,
  type OwnScheduleOptions,
  type ScheduleOfClass,
  type ScheduleOfName,
  type When,
} from './schedule.decorator.js';
export type { ScheduleBehaviour, TickOptions } from './schedule-options.js';
export type { ScheduleView, TickView } from './schedule-view.js';
export { Schedules } from './schedules.js';
