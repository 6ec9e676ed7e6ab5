import { Injectable } from '@nestjs/common';
import { MINUTE } from '../foundation/index.js';
import { DispatchUnavailableError, RedisClients } from '../redis/index.js';
import type { BusyWith } from '../lifecycle/index.js';
import { isLive, parseWish, type DrainWish } from './drain-wish.js';
import { CLAIM_LAPSE, READ, WITHDRAW, WRITE } from './drain-scripts.js';

/** What one process says about one wish. It says so again whenever this changes. */
export interface DrainAck {
  readonly process: string;
  /** ISO instant. */
  readonly at: string;
  readonly busy: readonly BusyWith[];
  /** Outcomes not yet committed, and entries fetched ahead. */
  readonly pending: number;
}

export interface Reading {
  /** Redis TIME in ms. */
  readonly now: number;
  /** Live, withdrawn and lately expired ones. */
  readonly wishes: readonly DrainWish[];
}

export type Written =
  | { readonly kind: 'written'; readonly expiresAt: number }
  /** Somebody took the wish back: `shiftwork resume`. */
  | { readonly kind: 'withdrawn' }
  /** It ran out before: the fleet may have worked since. */
  | { readonly kind: 'lapsed' };

/** Answers outlive the longest gap between two of them by far; nobody needs them after the wish. */
const ACK_TTL_MS = MINUTE;
/** A wish that ended is kept a little, so that whoever was away learns how it ended. */
const KEEP_ENDED_MS = MINUTE;

/**
 * The drain's protocol in Redis: wishes (a hash), the nudge (a channel), answers (a hash per wish). Every method may be
 * repeated, and throws `DispatchUnavailableError` while Redis is away.
 */
@Injectable()
export class DrainChannel {
  constructor(private readonly redis: RedisClients) {}

  /** Writes or renews the whole wish; it now lives `lifeMs`. Those who listen are nudged when it is new or became a hold. */
  async write(wish: Omit<DrainWish, 'expiresAt'>, lifeMs: number): Promise<Written> {
    const text = JSON.stringify(wish).slice(0, -1);
    const [kind, expiresAt] = (await this.evaluate(
      WRITE,
      wish.id,
      text,
      String(lifeMs),
      this.channel,
      wish.kind,
    )) as [Written['kind'], number]; // what WRITE returns
    return kind === 'written' ? { kind, expiresAt } : { kind };
  }

  /** Takes the wish back for everybody, also for those who only remember it. True when it was still live. */
  async withdraw(wish: DrainWish): Promise<boolean> {
    return (await this.evaluate(WITHDRAW, wish.id, JSON.stringify(wish), this.channel)) === 1;
  }

  async read(): Promise<Reading> {
    const [now, texts] = (await this.evaluate(READ, String(KEEP_ENDED_MS))) as [number, string[]]; // what READ returns
    return { now, wishes: texts.map(parseWish).filter((wish) => wish !== null) };
  }

  /** The wishes that are to be obeyed at this moment. */
  async standing(): Promise<DrainWish[]> {
    const { now, wishes } = await this.read();
    return wishes.filter((wish) => isLive(wish, now));
  }

  /** Writes a wish down again that a wipe took with it. Never overwrites what is there. */
  async remind(wish: DrainWish): Promise<void> {
    await this.ask((redis) => redis.hsetnx(this.redis.keys.wishes, wish.id, JSON.stringify(wish)));
  }

  /** True for exactly one of the processes that saw the wish run out. */
  async claimLapse(id: string): Promise<boolean> {
    return (await this.evaluate(CLAIM_LAPSE, id)) === 1;
  }

  async acknowledge(wishId: string, ack: DrainAck): Promise<void> {
    const key = this.redis.keys.acknowledgements(wishId);
    await this.ask((redis) =>
      redis.multi().hset(key, ack.process, JSON.stringify(ack)).pexpire(key, ACK_TTL_MS).exec(),
    );
  }

  /** The process is not quiet for this wish any more. */
  async retract(wishId: string, process: string): Promise<void> {
    await this.ask((redis) => redis.hdel(this.redis.keys.acknowledgements(wishId), process));
  }

  /** Process id → its latest answer. */
  async acknowledgements(wishId: string): Promise<ReadonlyMap<string, DrainAck>> {
    const texts = await this.ask((redis) => redis.hgetall(this.redis.keys.acknowledgements(wishId)));
    return new Map(Object.entries(texts).map(([process, text]) => [process, JSON.parse(text) as DrainAck])); // only `acknowledge` writes there
  }

  /** Calls `listener` at each nudge, and after each (re)connection, when nudges may have been missed. */
  async onNudge(listener: () => void): Promise<() => Promise<void>> {
    return this.redis.subscriber.subscribe(this.channel, listener, listener);
  }

  private get channel(): string {
    return this.redis.keys.channel('drain');
  }

  private async evaluate(script: string, ...args: string[]): Promise<unknown> {
    return this.ask((redis) => redis.eval(script, 1, this.redis.keys.wishes, ...args));
  }

  // Nothing here can be wrong with the command itself: what fails is the way to Redis.
  private async ask<T>(command: (redis: RedisClients['command']) => Promise<T>): Promise<T> {
    return command(this.redis.command).catch((error: unknown) => {
      throw new DispatchUnavailableError(error);
    });
  }
}
