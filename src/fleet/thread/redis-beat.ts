import { once } from 'node:events';
import { Redis } from 'ioredis';
import { BEAT, LEAVE, RENEW_LOCKS, WAKE } from '../scripts.js';
import { BLACKOUT_AFTER_MS, DEAD_AFTER_MS, LOCK_MS, RECORD_TTL_MS, REDIS_ATTEMPT_MS } from '../times.js';
import type { Overdue, ThreadOptions } from './messages.js';

export interface RedisBeat {
  /** False: we came too late, and others may have begun to take our tasks. */
  readonly counts: boolean;
  /** ms that the blackout still lasts; 0: none. */
  readonly blackoutMs: number;
  /** How long before this beat the one before was, ms; null: there was none. */
  readonly sinceLastMs: number | null;
  readonly overdue: readonly Overdue[];
  /** Our wall clock minus that of Redis, ms, give or take the way there. */
  readonly skewMs: number;
}

const LEFT_TTL_MS = 24 * 60 * 60 * 1_000;

/** The thread's own connection to Redis. It refuses at once while Redis is away, and gives up on an answer after 0.9 s. */
export class RedisPulse {
  private readonly redis: Redis;

  constructor(private readonly options: ThreadOptions) {
    this.redis = new Redis(options.redisUrl, {
      connectionName: `${options.appName}:heartbeat`,
      retryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
      // A master that a fail-over made a replica, or a server without our database. See redis/reconnection.ts; here a beat every
      // 1.5 s is back-off enough.
      reconnectOnError: isAstray,
      connectTimeout: REDIS_ATTEMPT_MS,
      commandTimeout: REDIS_ATTEMPT_MS,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      keepAlive: 10_000,
      ...(options.redisTls === 'off' ? {} : { tls: { rejectUnauthorized: options.redisTls === 'verify' } }),
    });
    this.redis.on('error', () => undefined); // the beat itself says so
  }

  /** Resolves when the connection is there, or the time for an attempt is over: the first beat should not go to the ledger. */
  async untilReady(): Promise<void> {
    if (this.redis.status === 'ready') return;
    const limit = new AbortController();
    const ready = once(this.redis, 'ready', { signal: limit.signal }).catch(() => undefined);
    const timer = setTimeout(() => {
      limit.abort();
    }, REDIS_ATTEMPT_MS);
    await ready;
    clearTimeout(timer);
  }

  get isReady(): boolean {
    return this.redis.status === 'ready';
  }

  /** `again`: this identity's last beat arrived here, so that a gap since then means something. */
  async beat(id: string, record: string, again: boolean): Promise<RedisBeat> {
    const sentAt = Date.now();
    const answer = await this.redis.eval(
      BEAT,
      3,
      this.key('beats'),
      this.key('blackout'),
      this.key(`process:${id}`),
      id,
      record,
      DEAD_AFTER_MS,
      BLACKOUT_AFTER_MS,
      RECORD_TTL_MS,
      again ? '1' : '0',
    );
    const [counts, nowText, blackoutText, before, overdue] = answer as [
      number,
      string,
      string,
      string,
      string[],
    ]; // what BEAT returns
    const now = Number(nowText);
    return {
      counts: counts === 1,
      blackoutMs: Math.max(0, Number(blackoutText) - now),
      sinceLastMs: before === '' ? null : now - Number(before),
      overdue: pairs(overdue).map(([dead, silentMs]) => ({ id: dead, silentMs: Number(silentMs) })),
      skewMs: Math.round((sentAt + Date.now()) / 2 - now),
    };
  }

  /** The queues whose marker is missing: their keys were wiped (PROTOCOL 15). */
  async withoutMarker(queues: readonly string[]): Promise<string[]> {
    const markers = await Promise.all(
      queues.map((queue) => this.redis.hget(this.queueKey(queue, 'meta'), 'shiftwork')),
    );
    return queues.filter((_, i) => markers[i] === null);
  }

  async renewLocks(id: string, queues: readonly string[]): Promise<void> {
    await Promise.all(
      queues.map((queue) =>
        this.redis.eval(
          RENEW_LOCKS,
          1,
          this.queueKey(queue, 'active'),
          this.queueKey(queue, ''),
          `${id}:`,
          LOCK_MS,
        ),
      ),
    );
  }

  /** Some idle worker looks into each of these queues. */
  async wake(queues: readonly string[]): Promise<void> {
    await Promise.all(
      queues.map((queue) => this.redis.eval(WAKE, 1, this.queueKey(queue, 'shiftwork-wake'))),
    );
  }

  async leave(id: string, left: boolean): Promise<void> {
    await this.redis.eval(
      LEAVE,
      3,
      this.key('beats'),
      this.key(`process:${id}`),
      this.key(`left:${id}`),
      id,
      left ? '1' : '0',
      LEFT_TTL_MS,
      DEAD_AFTER_MS,
    );
  }

  close(): void {
    this.redis.disconnect();
  }

  // The names are those of redis/keys.ts; the thread must not load that room with all that it drags along.
  private key(rest: string): string {
    return `{${this.options.appName}}:${rest}`;
  }

  private queueKey(queue: string, type: string): string {
    return `{${this.options.appName}:${queue}}:${queue}:${type}`;
  }
}

function isAstray(error: Error): boolean {
  const { command } = error as { command?: { name: string } }; // ioredis adds it to what a server answers
  return error.message.includes('READONLY') || command?.name === 'select';
}

function pairs(flat: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return result;
}
