import { Injectable } from '@nestjs/common';
import { monotonicMs, SECOND } from '../foundation/index.js';

/** The clocks of this machine. */
@Injectable()
export class MachineClocks {
  /** Epoch ms; jumps when somebody sets the clock, and goes on while the machine sleeps. */
  wallMs(): number {
    return Date.now();
  }

  /** Never jumps, and stands still while the machine sleeps. */
  monotonicMs(): number {
    return monotonicMs();
  }
}

/** The two clocks of a machine drift apart by less than this between two looks. */
const JUMP_MS = SECOND;

/**
 * The database's time, without asking the database: its last answer plus what has passed since by the monotonic clock.
 * So every clock process has the same time, and a wall clock that is set forward or back changes nothing. It is noticed
 * all the same (`jumpedMs`), because a machine that slept looks like that; then the database must be asked again.
 */
@Injectable()
export class LedgerTime {
  private databaseMs: number;
  private atMonotonicMs: number;
  private atWallMs: number;

  constructor(private readonly clocks: MachineClocks) {
    this.databaseMs = this.atWallMs = clocks.wallMs(); // until the database has been asked
    this.atMonotonicMs = clocks.monotonicMs();
  }

  /** Takes over an answer that has just arrived. */
  sync(databaseNow: Date): void {
    this.databaseMs = databaseNow.getTime();
    this.atMonotonicMs = this.clocks.monotonicMs();
    this.atWallMs = this.clocks.wallMs();
  }

  /** Takes over an answer that may be old, because its statement waited: it can only show that we are behind. */
  atLeast(databaseNow: Date): void {
    if (databaseNow.getTime() > this.now()) this.sync(databaseNow);
  }

  /** Epoch ms by the database. */
  now(): number {
    return this.databaseMs + (this.clocks.monotonicMs() - this.atMonotonicMs);
  }

  /** By how many ms the wall clock and the monotonic clock have gone different ways since the last `sync`; 0: they have not. */
  jumpedMs(): number {
    const apart = this.clocks.wallMs() - this.atWallMs - (this.clocks.monotonicMs() - this.atMonotonicMs);
    return Math.abs(apart) > JUMP_MS ? Math.round(apart) : 0;
  }
}
