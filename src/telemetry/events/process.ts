import { event } from '../event.js';

/** What happens to this process, its servers and its neighbours. */
export const PROCESS_EVENTS = {
  'process.started': event<{
    roles: readonly string[];
    process: string;
    release: string;
    connections?: string;
  }>('info', 'Shiftwork started'),
  'process.bootFailed': event<{ error: string; stack: string }>('error', 'The process could not boot'),
  'process.listening': event<{ url: string }>('info', 'The web is listening'),
  'process.warned': event<{ warning: string }>('warn', 'A setting deserves a look'),
  'process.childFailed': event<{ error: string; restartMs: number }>(
    'warn',
    'A process of the group could not be started; it is tried again',
  ),
  'process.stateChanged': event<{ from: string; to: string; why: string }>(
    'info',
    'The process changed its state',
  ),
  // `signal`: its name, or `boot failed`, `app.close`.
  'process.stopping': event<{ signal: string; graceMs: number }>('info', 'The process is shutting down'),
  'process.interrupting': event<{ busy: number }>(
    'warn',
    'The grace is nearly over; running tasks are handed over',
  ),
  'process.stopped': event<{ durationMs: number; exitCode: number }>('info', 'The process stopped'),
  'process.stopFailed': event<{ step: string; error: string }>(
    'error',
    'A step of the shutdown failed; the rest went on',
  ),
  'process.roomFailed': event<{ room: string; error: string }>(
    'warn',
    'A room did not go quiet or did not resume as asked; the others were asked all the same',
  ),
  'process.presumedDead': event<{ oldProcess: string; newProcess: string; gapMs: number }>(
    'error',
    'This process was frozen or cut off for so long that others presumed it dead; it took a new identity',
  ),
  'process.died': event<{ deadProcess: string; silentMs: number }>(
    'warn',
    'A process stopped beating; its tasks are handed over',
  ),
  'process.rescued': event<{ deadProcess: string; handedOver: number; crashed: number }>(
    'info',
    'The tasks of a dead process were handed over',
  ),
  'process.loopBlocked': event<{ blockedMs: number; tasks: string }>('error', 'The main loop is blocked'),
  'process.loopRecovered': event<{ blockedMs: number }>('warn', 'The main loop was blocked and runs again'),
  'process.unregistered': event<{ error: string }>(
    'warn',
    'This process could not be written into the ledger yet; it goes on trying and runs nothing until then',
  ),
  'process.leftUnfinished': event<{ tasks: readonly string[]; more: number }>(
    'error',
    'The ledger was away at the end: the outcomes of these tasks were not recorded, and they may run again',
  ),
  'fleet.rescueFailed': event<{ deadProcess: string; error: string }>(
    'warn',
    'The tasks of a dead process could not be handed over yet; the next beat tries again',
  ),
  'fleet.clockSkew': event<{ server: string; skewMs: number }>(
    'warn',
    'The clocks of this process and of a server differ by more than 2 s',
  ),
  'fleet.leads': event<{ lease: string; term: number }>('info', 'This process leads'),
  'fleet.leadsNoMore': event<{ lease: string; why: string }>('info', 'This process does not lead any more'),
  'fleet.blackout': event<{ forMs: number }>(
    'warn',
    'No heartbeat of anybody was seen for a while; nobody is declared dead',
  ),
  'postgres.unavailable': event<{ error: string }>('warn', 'PostgreSQL cannot be reached'),
  'postgres.migrated': event<{ steps: readonly string[] }>('info', 'The schema was migrated'),
  'redis.unavailable': event<{ client: string; error: string }>('warn', 'Redis cannot be reached'),
  'redis.available': event<{ client: string }>('info', 'Redis can be reached again'),
  'loop.failed': event<{ loop: string; error: string }>(
    'warn',
    'A background loop failed and will try again',
  ),
} as const;
