import type { Role } from '../config/index.js';
import type { BusyWith, ProcessState } from '../lifecycle/index.js';

/** What a process says of itself with each beat (PROTOCOL: Process). Instants ISO, durations ms. */
export interface ProcessRecord {
  readonly id: string;
  readonly roles: readonly Role[];
  readonly host: string;
  readonly pid: number;
  readonly release: string;
  readonly state: ProcessState;
  /** Queues it works on; empty unless it is a worker. */
  readonly queues: readonly string[];
  /** Queue → slots. Queues that share a lane share its slots. */
  readonly concurrency: Readonly<Record<string, number>>;
  /** Names of the jobs its release knows. */
  readonly jobs: readonly string[];
  readonly running: readonly BusyWith[];
  /** Tasks that ended but whose outcome is not committed yet. */
  readonly unrecorded: number;
  /** Entries fetched from Redis since boot: a worker is proved alive by this number growing, not by a connection. */
  readonly fetches: number;
  readonly bootedAt: string;
  readonly heartbeatAt: string;
  /** How late the main loop is, ms. Grows while a job blocks it. */
  readonly loopLag: number;
}

/** What the rooms above may say of this process. The rest is known, or measured. */
export type ProcessPart = Partial<
  Pick<ProcessRecord, 'state' | 'queues' | 'concurrency' | 'jobs' | 'running' | 'unrecorded' | 'fetches'>
>;

/** More running tasks than these are counted, not named: the record travels with each beat. */
export const MOST_NAMED = 200;
