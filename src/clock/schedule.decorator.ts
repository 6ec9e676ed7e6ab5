import 'reflect-metadata';
import type { EnqueuePayload, JobClass } from '../jobs/index.js';
import type { ScheduleBehaviour } from './schedule-options.js';

const ENQUEUE_ON = Symbol('shiftwork:enqueue-on');

/** A cron pattern (five fields, or six with seconds first), an interval in ms (at least 1000), or one date. */
export type When = string | { readonly every: number } | { readonly at: Date | string };

interface Named extends ScheduleBehaviour {
  /** What people call the schedule. Default: the name of its job. Another name is another schedule. */
  readonly name?: string | undefined;
}

/** A schedule of the job on whose class it stands. */
export interface OwnScheduleOptions extends Named {
  readonly job?: undefined;
  /** Checked by the job at boot. Default `{}`. */
  readonly payload?: unknown;
}

/** A schedule of a job that is named by its class: the payload is typed by it. */
export interface ScheduleOfClass<J extends JobClass> extends Named {
  readonly job: J;
  readonly payload?: EnqueuePayload<J> | undefined;
}

/** A schedule of a job that is known by name only. */
export interface ScheduleOfName extends Named {
  readonly job: string;
  readonly payload?: unknown;
}

/** What the decorator wrote: when, and the rest. */
export interface DeclaredSchedule {
  readonly when: When;
  readonly options: Named & { readonly job?: string | JobClass | undefined; readonly payload?: unknown };
}

/**
 * Enqueues a job whenever it is due, exactly once however many clocks run. Stands on the job's own class, or on any
 * provider when `job` is given; several may stand on one class under different names.
 *
 * ```ts
 * @EnqueueOn('0 7 * * *', { timeZone: 'Europe/Berlin' })
 * @JobHandler({ name: 'reports.daily', payload: NoPayload })
 * export class ReportsDailyJob { … }
 * ```
 * The declaration is written to the ledger when a clock begins to lead. Changing it changes the schedule, removing it
 * disables the schedule. Whatever a person changes at run time stays until the declaration itself changes; a schedule that was
 * put by REST belongs to REST. Whatever is wrong with a declaration stops the boot.
 */
export function EnqueueOn(when: When, options?: OwnScheduleOptions): ClassDecorator;
export function EnqueueOn<J extends JobClass>(when: When, options: ScheduleOfClass<J>): ClassDecorator;
export function EnqueueOn(when: When, options: ScheduleOfName): ClassDecorator;
export function EnqueueOn(when: When, options: DeclaredSchedule['options'] = {}): ClassDecorator {
  return (target) => {
    Reflect.defineMetadata(ENQUEUE_ON, [...declaredOn(target), { when, options }], target);
  };
}

/** The schedules that stand on a class; a subclass does not inherit them. */
export function declaredOn(target: object): readonly DeclaredSchedule[] {
  return (Reflect.getOwnMetadata(ENQUEUE_ON, target) as readonly DeclaredSchedule[] | undefined) ?? []; // written only above
}
