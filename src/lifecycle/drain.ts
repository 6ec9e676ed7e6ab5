import type { Role } from '../config/index.js';
import { asError, deferred, pause, withTimeout, type Deadline } from '../foundation/index.js';
import type { Telemetry } from '../telemetry/index.js';
import type { BusyWith, Drainable } from './drainable.js';
import { concerns, type Drainables, type Whom } from './drainables.js';
import { mayMove, type ProcessState } from './process-state.js';

/** A room that cannot say that it is quiet within this long (its server is away, perhaps) is not waited for any longer. */
const QUIET_LIMIT_MS = 2_000;

/**
 * Quiet, and then report when nothing is running any more. A drain wish and a shutdown drive the same machine; the
 * wish may be taken back, the shutdown may not. Orders are carried out one after the other, in the order they came.
 */
export class Drain {
  private current: ProcessState = 'running';
  private whom: Whom = [];
  private orders: Promise<void> = Promise.resolve();
  private readonly listeners = new Set<(state: ProcessState) => void>();

  constructor(
    private readonly rooms: Drainables,
    private readonly telemetry: Telemetry,
  ) {
    rooms.onSignIn((room) => {
      if (this.current !== 'running' && concerns(room, this.whom))
        void this.inOrder(() => this.quietRooms([room]));
    });
  }

  get state(): ProcessState {
    return this.current;
  }

  /**
   * Takes no new work in the rooms of these roles, until `resume`. Resolves when nothing new can start there. Asked again
   * with other roles: those rooms are quiet afterwards, and the ones no longer asked work again.
   */
  quiet(whom: Whom, why: string): Promise<void> {
    return this.inOrder(async () => {
      if (this.current === 'quiet') return;
      const released = this.rooms.all(this.whom).filter((room) => !concerns(room, whom));
      this.whom = whom;
      await this.each(released, (room) => room.resume());
      this.move(this.rooms.all(whom).length > 0 ? 'draining' : 'running', why);
      await this.quietRooms(this.rooms.all(whom));
    });
  }

  /** Works again. Does nothing when the process was not draining, or is on its way out. */
  resume(why: string): Promise<void> {
    return this.inOrder(async () => {
      if (this.current !== 'draining') return;
      const quieted = this.rooms.all(this.whom);
      this.whom = [];
      await this.each(quieted, (room) => room.resume());
      this.move('running', why);
    });
  }

  /** Quiet for good, every room. The state changes at once, so that readiness fails before the first room is asked. */
  retire(why: string): Promise<void> {
    this.move('quiet', why);
    this.whom = 'all';
    return this.inOrder(() => this.quietRooms(this.rooms.all()));
  }

  /** What the rooms of these roles are still doing. */
  busy(whom: Whom = 'all'): BusyWith[] {
    return this.rooms.all(whom).flatMap((room) => room.busy());
  }

  /** Outcomes not yet committed and entries fetched ahead, in the rooms of these roles. */
  pending(whom: Whom = 'all'): number {
    return this.rooms.all(whom).reduce((sum, room) => sum + room.pending(), 0);
  }

  /** Waits until those rooms are idle or the deadline is over. Answers what is still being done: empty, and nothing pending, is idle. */
  async untilIdle(deadline: Deadline, whom: Whom = 'all', signal?: AbortSignal): Promise<BusyWith[]> {
    const over = deferred();
    const stop = new AbortController();
    void pause(deadline.remainingMs, AbortSignal.any([stop.signal, ...(signal ? [signal] : [])])).then(() => {
      over.resolve();
    });
    try {
      while (!this.isIdle(whom) && !deadline.isOver && !signal?.aborted)
        await Promise.race([this.allIdle(whom), over.promise]);
    } finally {
      stop.abort();
    }
    return this.busy(whom);
  }

  /** Whether the rooms of this role are to take no new work: a process may drain for the sake of another one. */
  isQuiet(role: Role): boolean {
    return this.whom === 'all' || this.whom.includes(role);
  }

  isIdle(whom: Whom = 'all'): boolean {
    return this.pending(whom) === 0 && this.busy(whom).length === 0;
  }

  /** Calls `listener` at each change. Answers the way to stop. */
  onStateChange(listener: (state: ProcessState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async allIdle(whom: Whom): Promise<void> {
    await Promise.all(this.rooms.all(whom).map((room) => room.untilIdle()));
    await new Promise<void>((resolve) => setImmediate(resolve)); // one room's end may have made work for another
  }

  // One after the other: a clock that is quiet cannot hand a worker anything while that one is being asked.
  private async quietRooms(rooms: readonly Drainable[]): Promise<void> {
    await this.each(rooms, (room) =>
      withTimeout(
        room.quiet(),
        QUIET_LIMIT_MS,
        () => new Error('did not become quiet in time; it goes on trying'),
      ),
    );
  }

  // A room that fails must not keep the others from being asked.
  private async each(rooms: readonly Drainable[], ask: (room: Drainable) => Promise<void>): Promise<void> {
    for (const room of rooms) {
      try {
        await ask(room);
      } catch (thrown) {
        this.telemetry.emit('process.roomFailed', { room: room.name, error: asError(thrown).message });
      }
    }
  }

  private move(to: ProcessState, why: string): void {
    const from = this.current;
    if (!mayMove(from, to)) return;
    this.current = to;
    this.telemetry.emit('process.stateChanged', { from, to, why });
    for (const listener of this.listeners) listener(to);
  }

  private inOrder(order: () => Promise<void>): Promise<void> {
    this.orders = this.orders.then(order);
    return this.orders;
  }
}
