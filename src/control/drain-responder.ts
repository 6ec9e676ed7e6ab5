import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Role } from '../config/index.js';
import { monotonicMs, SECOND, type WakeableLoop } from '../foundation/index.js';
import { ThisProcess } from '../fleet/index.js';
import { Drain } from '../lifecycle/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { DrainAnswers } from './drain-answers.js';
import { DrainChannel, type Reading } from './drain-channel.js';
import { hasLapsed, isAsked, isLive, rolesToQuiet, type DrainWish } from './drain-wish.js';

/** While Redis is away we count the time ourselves, and look this often. */
const AWAY_LOOK_MS = SECOND;

/**
 * The answering side of a drain, in every process. Level-triggered: it reads the wishes themselves at boot, at each
 * nudge, at each reconnection and when one is about to run out, and makes the process be as they say. So a nudge that
 * was lost, a Redis that restarted empty, or a process that booted meanwhile change nothing.
 */
@Injectable()
export class DrainResponder implements OnApplicationShutdown {
  private readonly loop: WakeableLoop;
  /** Every live wish we have seen. One that is missing in Redis counts until its expiry: a wipe is no withdrawal. */
  private readonly remembered = new Map<string, DrainWish>();
  private quietRoles: readonly Role[] = [];
  private readAt = { now: 0, monotonic: 0 };
  private stopListening: (() => Promise<void>) | undefined;
  private started: Promise<void> | undefined;

  constructor(
    private readonly channel: DrainChannel,
    private readonly answers: DrainAnswers,
    private readonly drain: Drain,
    private readonly self: ThisProcess,
    private readonly telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, 'drain responder', () => this.obey());
  }

  /**
   * Starts to obey. Resolves when the wishes have been read and obeyed once, so call it after the process has
   * registered and before its consumers fetch. While Redis is away it resolves with the worker's rooms quiet: they work as
   * soon as the wishes could be read. Called again, it answers the first call's promise.
   */
  start(): Promise<void> {
    return (this.started ??= this.begin());
  }

  /** Stops obeying and answering; what is quiet stays quiet. Call it after the rooms have drained. */
  async stop(): Promise<void> {
    await this.stopListening?.();
    await this.loop.stop();
    await this.answers.stop();
    this.started = undefined;
  }

  /** By then the rooms have drained, and an app that closed itself must not be kept alive by our timers. */
  async onApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private async begin(): Promise<void> {
    const nudge = (): void => {
      this.loop.nudge();
    };
    this.stopListening = await this.channel.onNudge(nudge);
    this.self.onNewIdentity(nudge);
    await this.obey().catch(async () => {
      await this.quiet(
        this.self.roles.filter((role) => role === 'worker'),
        [],
        'the drain wishes could not be read yet',
      );
    });
    this.answers.start();
    this.loop.start();
  }

  // Answers in how many ms to look again.
  private async obey(): Promise<number> {
    const reading = await this.read();
    await this.forgetEnded(reading);
    const asking = [...this.remembered.values()];
    const ids = asking.map((wish) => wish.id);
    const roles = rolesToQuiet(this.self, asking);
    await this.answers.onlyFor(ids);
    await this.quiet(roles, asking, reasonOf(asking));
    this.answers.give(ids, roles);
    const earliest = Math.min(...asking.map((wish) => wish.expiresAt));
    return Math.min(Math.max(1, earliest - reading.now), reading.isOurs ? AWAY_LOOK_MS : Infinity);
  }

  // Our own reckoning starts at the moment an answer arrived, so it is never ahead of Redis: we resume late, not early.
  private async read(): Promise<Reading & { isOurs: boolean }> {
    try {
      const reading = await this.channel.read();
      this.readAt = { now: reading.now, monotonic: monotonicMs() };
      return { ...reading, isOurs: false };
    } catch (error) {
      if (this.remembered.size === 0) throw error;
      return { now: this.readAt.now + (monotonicMs() - this.readAt.monotonic), wishes: [], isOurs: true };
    }
  }

  private async forgetEnded({ now, wishes, isOurs }: Reading & { isOurs: boolean }): Promise<void> {
    const written = new Map(wishes.map((wish) => [wish.id, wish]));
    for (const wish of wishes)
      if (isAsked(this.self, wish) && isLive(wish, now)) this.remembered.set(wish.id, wish);
    for (const [id, remembered] of this.remembered) {
      const wish = written.get(id) ?? remembered;
      if (isLive(wish, now) && !written.has(id) && !isOurs) await this.channel.remind(wish);
      if (isLive(wish, now)) continue;
      this.remembered.delete(id);
      if (hasLapsed(wish, now)) await this.tellLapse(wish);
    }
  }

  private async quiet(roles: readonly Role[], asking: readonly DrainWish[], why: string): Promise<void> {
    if (sameRoles(roles, this.quietRoles)) return;
    const wishes = asking.map((wish) => wish.id);
    if (roles.length === 0) await this.drain.resume(why);
    else await this.drain.quiet(roles, why);
    this.quietRoles = roles;
    if (roles.length === 0) this.telemetry.emit('drain.ended', { why });
    else this.telemetry.emit('drain.obeyed', { wishes, roles, why });
  }

  // Told once in the whole fleet: the event is a mail to the admins (room failures).
  private async tellLapse({ id, kind, by, release }: DrainWish): Promise<void> {
    const isOurs = await this.channel.claimLapse(id).catch(() => false); // Redis away: somebody else may tell
    if (isOurs) this.telemetry.emit('drain.lapsed', { wish: id, kind, by, release });
  }
}

function sameRoles(some: readonly Role[], others: readonly Role[]): boolean {
  return some.length === others.length && some.every((role) => others.includes(role));
}

function reasonOf(asking: readonly DrainWish[]): string {
  if (asking.length === 0) return 'no drain asks for quiet any more';
  return `drain asked for by ${asking.map((wish) => wish.by).join(', ')}`;
}
