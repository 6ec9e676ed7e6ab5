import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { SETTINGS, type Settings, type SettingsError } from '../config/index.js';
import { messageOf } from '../foundation/index.js';
import { Telemetry } from '../telemetry/index.js';
import { openRedis } from './connection.js';
import { Keys } from './keys.js';
import { databaseFault } from './refused-database.js';
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
  private away: string | null = null;
  /** Why the server that answers is not one for us. */
  private refused: SettingsError | undefined;

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

  /** Why commands cannot be sent, in the words of the connection, which may name the server; null while nothing went wrong. */
  get trouble(): string | null {
    return this.away;
  }

  /** Connections this process has opened, for the budget printed at boot. */
  get count(): number {
    return this.opened.filter((client) => client.status !== 'end').length;
  }

  /**
   * Resolves once commands can be sent, or after `ms`, whichever is first. Throws `SettingsError` when Redis answers and does not
   * have the database that REDIS_URL names.
   */
  async untilReady(ms: number): Promise<boolean> {
    if (!this.isReady) await this.untilAnswered(ms);
    if (this.refused !== undefined) throw this.refused;
    return this.isReady;
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

  private async untilAnswered(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        stop();
        this.command.off('error', look);
        resolve();
      };
      const look = (): void => {
        if (this.refused !== undefined) settle();
      };
      const timer = setTimeout(settle, ms);
      const stop = this.onReady(settle);
      this.command.on('error', look);
      look();
    });
  }

  private noteAway(error: unknown): void {
    const fault = databaseFault(error);
    const isNews = this.away === null || (fault !== undefined && this.refused === undefined);
    this.away = reasonOf(error);
    this.refused ??= fault;
    if (isNews) this.telemetry.emit('redis.unavailable', { client: 'command', error: this.away });
  }

  private noteReady(): void {
    if (this.away !== null) this.telemetry.emit('redis.available', { client: 'command' });
    this.away = null;
    this.refused = undefined;
    for (const listener of this.readyListeners) listener();
  }
}

// A host with several addresses fails with an error for each, and no words of its own.
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);
}
