import { event } from '../event.js';

/** What the clock does. */
export const CLOCK_EVENTS = {
  'clock.started': event<{ schedules: number; methods: number; why: string }>(
    'info',
    'This clock decides now when work is due',
  ),
  'clock.stopped': event<{ why: string }>('info', 'This clock decides no more when work is due'),
  'clock.jumped': event<{ byMs: number }>(
    'warn',
    'The wall clock of this machine was set, or the machine slept; the time of the database counts',
  ),
  'clock.nobodyLeads': event<{ forMs: number }>('error', 'No clock leads while schedules are enabled'),
  'clock.leadsAgain': event<object>('info', 'A clock leads again'),
  'schedule.fired': event<{ schedule: string; job: string; taskId: string; dueAt: string; lateByMs: number }>(
    'info',
    'A schedule was due; its task was enqueued',
  ),
  'schedule.misfired': event<{
    schedule: string;
    fired: number;
    coalesced: number;
    skipped: number;
    missed: number;
    failed: number;
    reason: string;
  }>('warn', 'Due moments of a schedule did not become a task in time'),
  'schedule.overtaken': event<{ schedules: number }>(
    'debug',
    'Another clock was first, or a schedule changed meanwhile; looking again',
  ),
  'schedule.declared': event<{ schedule: string; change: 'created' | 'changed' | 'enabled' }>(
    'info',
    'A schedule was written as the code declares it',
  ),
  'schedule.declarationGone': event<{ schedule: string }>(
    'warn',
    'A schedule was disabled: the code declares it no more',
  ),
  'schedule.declarationIgnored': event<{ schedule: string }>(
    'warn',
    'The code declares a schedule in another way, but a person has changed it since; it stays as it is until it is deleted or put back',
  ),
  'schedule.changed': event<{
    schedule: string;
    change: 'created' | 'changed' | 'deleted' | 'paused' | 'resumed';
  }>('info', 'A schedule was changed at run time'),
  'schedule.unreadable': event<{ schedule: string; error: string }>(
    'error',
    'A schedule does not fire: this release cannot read its pattern or its time zone',
  ),
  'schedule.methodFailed': event<{ schedule: string; error: string }>('error', 'A scheduled method failed'),
} as const;
