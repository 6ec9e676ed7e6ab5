import { Injectable } from '@nestjs/common';
import { ThisProcess } from '../fleet/index.js';
import { messageOf, SECOND, type WakeableLoop } from '../foundation/index.js';
import { Undispatched } from '../ledger/index.js';
import { RedisClients } from '../redis/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';

/** A turn of the fleet's chores: one process per turn asks one question. Longer than a minute, so that idle costs less than a query a minute. */
const TURN_MS = 75 * SECOND;
/** Kept off the lease, so that the turn's timer and the lease's end do not miss each other. */
const LEASE_MS = TURN_MS - 2 * SECOND;

/** Something that must be looked after now and then. */
export interface Chore {
  readonly name: string;
  /** SQL expression against the schema name `shiftwork.`, cheap on an idle ledger: null or false means nothing to do. */
  readonly due: string;
  /** Gets the value of `due`. May be repeated, and run by any process. */
  run(due: unknown): Promise<void>;
}

/**
 * The fleet's chores: every 75 s one process (whoever takes the lease) asks all `due` expressions in a single query, and does
 * those chores that have something to do. So an idle fleet of any size makes less than one query a minute.
 */
@Injectable()
export class Chores {
  private readonly chores: Chore[] = [];
  private readonly loop: WakeableLoop;

  constructor(
    private readonly redis: RedisClients,
    private readonly self: ThisProcess,
    private readonly undispatched: Undispatched,
    private readonly telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, 'chores', () => this.turn());
  }

  /** Adds a chore; rooms above sign in at boot. */
  signIn(chore: Chore): void {
    this.chores.push(chore);
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  /** Does now what is due, lease or not. For whoever knows that there is something. */
  async runDue(): Promise<void> {
    const values = await this.undispatched.answers(this.chores.map((chore) => chore.due));
    for (const [i, chore] of this.chores.entries()) {
      const value = values[i];
      if (value !== null && value !== false && value !== undefined) await this.runOne(chore, value);
    }
  }

  private async turn(): Promise<number> {
    if (!this.redis.isReady) return 5 * SECOND;
    const { command, keys } = this.redis;
    const isOurs = (await command.set(keys.lease('chores'), this.self.id, 'PX', LEASE_MS, 'NX')) !== null;
    if (isOurs) await this.runDue();
    return TURN_MS;
  }

  // One chore that fails must not keep the others from being done.
  private async runOne(chore: Chore, due: unknown): Promise<void> {
    try {
      await chore.run(due);
    } catch (error) {
      this.telemetry.emit('loop.failed', { loop: `chore ${chore.name}`, error: messageOf(error) });
    }
  }
}
