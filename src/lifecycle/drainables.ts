import type { Role } from '../config/index.js';
import type { Drainable } from './drainable.js';

/** Roles whose rooms are meant, or every room there is. */
export type Whom = readonly Role[] | 'all';

/** The rooms that take part in quieting down. Each signs in once, at boot. */
export class Drainables {
  private readonly rooms: Drainable[] = [];
  private readonly listeners = new Set<(room: Drainable) => void>();

  /** Signing in twice is the same as once. Fine at any time: a room that comes late is treated as the others were. */
  signIn(room: Drainable): void {
    if (this.rooms.includes(room)) return;
    this.rooms.push(room);
    for (const listener of this.listeners) listener(room);
  }

  /** Smallest order first. With roles: only their rooms; those that belong to every role go quiet in a shutdown only. */
  all(whom: Whom = 'all'): Drainable[] {
    return this.rooms.filter((room) => concerns(room, whom)).sort((a, b) => a.order - b.order);
  }

  /** Calls `listener` for each room that signs in from now on. */
  onSignIn(listener: (room: Drainable) => void): void {
    this.listeners.add(listener);
  }
}

/** Whether a room is meant. */
export function concerns(room: Drainable, whom: Whom): boolean {
  return whom === 'all' || (room.role !== null && whom.includes(room.role));
}
