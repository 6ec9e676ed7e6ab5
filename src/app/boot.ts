import { Inject, Injectable, Optional, type OnApplicationBootstrap } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { SETTINGS, type Settings } from '../config/index.js';
import { DrainResponder } from '../control/index.js';
import { Relay } from '../dispatch/index.js';
import { Failures } from '../failures/index.js';
import { ThisProcess } from '../fleet/index.js';
import { TestSignal } from '../foundation/index.js';
import { JobRegistry, type JobDefinition } from '../jobs/index.js';
import { JobDefinitions, type StoredJob } from '../ledger/index.js';
import { Drain } from '../lifecycle/index.js';
import { RedisClients } from '../redis/index.js';
import { Membership } from '../tasks/index.js';
import { Telemetry } from '../telemetry/index.js';
import { Worker } from '../worker/index.js';
import { Wiring } from './wiring.js';

/** Reached when the process works. */
export const booted = new TestSignal('app.booted');
/** A boot does not wait longer than this for Redis: it goes on without, and works when Redis is there. */
const REDIS_FIRST_MS = 2_000;

/**
 * How a process joins the fleet. The order is the point: known to the ledger before it starts anything, on the roll before
 * it fetches, obedient to a drain that stands before it takes its first task (PROTOCOL rule 23).
 */
@Injectable()
export class Boot implements OnApplicationBootstrap {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly registry: JobRegistry,
    private readonly definitions: JobDefinitions,
    private readonly redis: RedisClients,
    private readonly self: ThisProcess,
    private readonly membership: Membership,
    private readonly responder: DrainResponder,
    private readonly relay: Relay,
    private readonly failures: Failures,
    private readonly clock: Clock,
    private readonly drain: Drain,
    private readonly wiring: Wiring,
    private readonly telemetry: Telemetry,
    @Optional() private readonly worker?: Worker,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.definitions.save(this.registry.all().map(stored));
    await this.redis.untilReady(REDIS_FIRST_MS);
    this.wiring.connect();
    this.worker?.announce();
    await this.membership.join();
    await this.responder.start();
    await this.relay.start();
    await this.failures.start();
    await this.worker?.start(this.drain.isQuiet('worker'));
    if (this.settings.roles.includes('clock')) await this.clock.start();
    this.telemetry.emit('process.started', {
      roles: this.settings.roles,
      process: this.self.id,
      release: this.settings.release,
      connections: this.connections(),
    });
    await booted.reached();
  }

  // The heartbeat thread has a Redis connection of its own, and one to PostgreSQL only while Redis is away.
  private connections(): string {
    return `PostgreSQL at most ${String(this.settings.databasePoolSize)} (1 more while Redis is away), Redis ${String(this.redis.count + 1)}`;
  }
}

function stored(job: JobDefinition): StoredJob {
  const { name, queue, payloadSchema, secretPaths, attempts, backoff, timeoutMs, onWorkerLost } = job;
  return {
    name,
    queue,
    payloadSchema: payloadSchema as StoredJob['payloadSchema'],
    secretPaths,
    attempts,
    backoff,
    timeoutMs,
    onWorkerLost,
  }; // a JSON Schema is JSON
}
