import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { SETTINGS, type Settings } from '../config/index.js';
import { messageOf } from '../foundation/index.js';
import { Telemetry } from '../telemetry/index.js';
import { openRedis } from './connection.js';
import { Keys } from './keys.js';
import { Subscriptions } from './subscriptions.js';

/**
 * The connections of this process to Redis, by purpose: one for commands, one for subscriptions, and one for each
 * blocking reader. They connect in the background, go on trying while Redis is away, and close last of all.
 */
@Injectable()
export class RedisClients implements OnApplicationShutdown {
  readonly keys: Keys;
  /** Fails fast while Redis is away; never block on it. */
  readonly command: Redis;
  readonly subscriber: Subscriptions;
  /** The connection under `subscriber`; Bull's queues share it. */
  readonly subscriberConnection: Redis;
  private readonly opened: Redis[] = [];
  private readonly readyListeners = new Set<() => void>();
  private away = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly telemetry: Telemetry,
  ) {
    this.keys = new Keys(settings.appName);
    this.command = this.open('command');
    this.subscriberConnection = this.open('subscriber');
    this.subscriber = new Subscriptions(this.subscriberConnection);
    this.command.on('error', (error: unknown) => {
      this.noteAway(error);
    });
    this.command.on('ready', () => {
      this.noteReady();
    });
  }

  /** A connection of its own for blocking reads. The caller may `disconnect` it; shutdown does so at the latest. */
  blocking(): Redis {
    return this.open('blocking');
  }

  /** Calls `listener` each time the command connection is (again) ready. Answers the way to stop. */
  onReady(listener: () => void): () => void {
    this.readyListeners.add(listener);
    return () => this.readyListeners.delete(listener);
  }

  /** Whether commands can be sent now. */
  get isReady(): boolean {
    return this.command.status === 'ready';
  }

  /** Connections this process has opened, for the budget printed at boot. */
  get count(): number {
    return this.opened.filter((client) => client.status !== 'end').length;
  }

  /** Resolves once commands can be sent, or after `ms`, whichever is first. */
  async untilReady(ms: number): Promise<boolean> {
    if (this.isReady) return true;
    return new Promise((resolve) => {
      const settle = (ready: boolean): void => {
        clearTimeout(timer);
        stop();
        resolve(ready);
      };
      const timer = setTimeout(() => {
        settle(false);
      }, ms);
      const stop = this.onReady(() => {
        settle(true);
      });
    });
  }

  close(): void {
    for (const client of this.opened) client.disconnect();
  }

  onApplicationShutdown(): void {
    this.close();
  }

  private open(purpose: 'command' | 'blocking' | 'subscriber'): Redis {
    const client = openRedis(this.settings, purpose);
    client.on('error', () => undefined); // told once, by the command connection; without a listener ioredis prints
    client.connect().catch(() => undefined); // goes on trying by itself
    this.opened.push(client);
    return client;
  }

  private noteAway(error: unknown): void {
    if (this.away) return;
    this.away = true;
    this.telemetry.emit('redis.unavailable', { client: 'command', error: messageOf(error) });
  }

  private noteReady(): void {
    if (this.away) this.telemetry.emit('redis.available', { client: 'command' });
    this.away = false;
    for (const listener of this.readyListeners) listener();
  }
}
