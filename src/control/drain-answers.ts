import { Injectable } from '@nestjs/common';
import type { Role } from '../config/index.js';
import { monotonicMs, SECOND, type WakeableLoop } from '../foundation/index.js';
import { ThisProcess } from '../fleet/index.js';
import { Drain } from '../lifecycle/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { DrainChannel } from './drain-channel.js';

/** While something is still running we look at ourselves this often; only a change is sent. */
const BUSY_LOOK_MS = 200;
/** Said again this often, because an answer in Redis lives a minute and may be wiped. */
const REPEAT_MS = 20 * SECOND;

/** What this process says to each wish it obeys: who is busy with what, and when nobody is any more. */
@Injectable()
export class DrainAnswers {
  private readonly loop: WakeableLoop;
  private wishes: readonly string[] = [];
  private roles: readonly Role[] = [];
  private saidLast = '';
  private saidAt = 0;

  constructor(
    private readonly channel: DrainChannel,
    private readonly drain: Drain,
    private readonly self: ThisProcess,
    telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, 'drain answers', () => this.say());
  }

  start(): void {
    this.loop.start();
  }

  async stop(): Promise<void> {
    await this.loop.stop();
  }

  /** Answers these wishes from now on, at once and whenever something changes. The rooms of the roles must be quiet already. */
  give(wishes: readonly string[], roles: readonly Role[]): void {
    this.wishes = wishes;
    this.roles = roles;
    this.saidLast = ''; // say it again: there may be a new wish, or Redis may have lost what we said
    this.loop.nudge();
  }

  /**
   * Takes back the answers to other wishes, before any room works again: an answer "nothing is running" must never stand
   * beside a running task. Redis away: nobody reads the answer without having made a new wish first.
   */
  async onlyFor(wishes: readonly string[]): Promise<void> {
    const ended = this.wishes.filter((id) => !wishes.includes(id));
    this.wishes = this.wishes.filter((id) => wishes.includes(id));
    await Promise.allSettled(ended.map((id) => this.channel.retract(id, this.self.id)));
  }

  private async say(): Promise<number> {
    if (this.wishes.length === 0) return Infinity;
    const [busy, pending] = [this.drain.busy(this.roles), this.drain.pending(this.roles)];
    const saying = JSON.stringify([this.self.id, busy, pending]);
    if (saying !== this.saidLast || monotonicMs() - this.saidAt > REPEAT_MS) {
      // All sent in this turn of the event loop, so that a later `onlyFor` arrives after them.
      const answer = { process: this.self.id, at: new Date().toISOString(), busy, pending };
      await Promise.all(this.wishes.map((id) => this.channel.acknowledge(id, answer)));
      [this.saidLast, this.saidAt] = [saying, monotonicMs()];
    }
    return busy.length + pending > 0 ? BUSY_LOOK_MS : REPEAT_MS + SECOND;
  }
}
