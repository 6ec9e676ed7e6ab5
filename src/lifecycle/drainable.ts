import type { Role } from '../config/index.js';
import type { Deadline } from '../foundation/index.js';

/** Something a process is still doing. */
export interface BusyWith {
  readonly task: string;
  readonly job: string;
  readonly queue: string;
  /** ISO instant at which it began. */
  readonly since: string;
}

/**
 * A room that takes part in quieting down: it signs in at boot, and shutdown and drain both drive it.
 * Every method may be called twice, before a start, and from two sides; each call is idempotent.
 */
export interface Drainable {
  /** For messages: `worker`, `clock`, `http`. */
  readonly name: string;
  /** A drain quiets only the rooms of the roles it asked; shutdown quiets all. `null`: belongs to every role. */
  readonly role: Role | null;
  /** Rooms with a smaller order go quiet and flush first: http 10, clock 20, relay 30, worker 40, ledger 90, fleet 99. */
  readonly order: number;
  /** Takes no new work. Resolves when nothing new can start any more. */
  quiet(): Promise<void>;
  /** Takes new work again after a drain. */
  resume(): Promise<void>;
  /** What is still running, unrecorded or fetched ahead. Empty: idle. */
  busy(): readonly BusyWith[];
  /** Number of things that keep the room busy beyond `busy()`: outcomes not yet committed, entries fetched ahead. */
  pending(): number;
  /** Resolves as soon as the room is idle, and at once if it is. */
  untilIdle(): Promise<void>;
  /** Shutdown only, at the end of the grace: signals fire, what still runs at the deadline is handed over as it stands. */
  interrupt(why: string, deadline: Deadline): Promise<void>;
  /** Shutdown only: writes out whatever is still in memory. Rejects when something could not be written. */
  flush(deadline: Deadline): Promise<void>;
}
