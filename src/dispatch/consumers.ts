import type { Lane, Settings } from '../config/index.js';
import type { RollCall } from '../fleet/index.js';
import type { RedisClients } from '../redis/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { ClaimCounter, type Identity } from './claim-counter.js';
import { Consumer, type ConsumerParts } from './consumer.js';
import type { Handler } from './delivery.js';
import type { Entries } from './entries.js';
import { ProcessLimits } from './process-limits.js';
import { WakeLine } from './wake-line.js';
import type { Losses } from './losses.js';

/** Opens consumers, one per lane, that share this process's bound on unrecorded tasks and its one seat for a suspect. */
export class Consumers {
  private readonly opened: Consumer[] = [];
  private readonly parts: ConsumerParts;

  constructor(
    redis: RedisClients,
    entries: Entries,
    losses: Losses,
    identity: Identity,
    settings: Pick<Settings, 'maxUnrecorded'>,
    telemetry: Telemetry,
    roll: Pick<RollCall, 'youngestFree'>,
  ) {
    this.parts = {
      entries,
      losses,
      telemetry,
      claims: new ClaimCounter(identity),
      limits: new ProcessLimits(settings.maxUnrecorded),
      // Redis away: nobody knows, and anybody may.
      heirOf: async (queue) => (await roll.youngestFree(queue, identity.id).catch(() => null)) ?? '',
      openLine: (queue, onWake) =>
        new WakeLine(redis.blocking(), redis.keys.queueKey(queue, 'shiftwork-wake'), onWake),
    };
    redis.onReady(() => {
      for (const consumer of this.opened) consumer.reconnected();
    });
  }

  /** A consumer for the lane; `start` it. `handler` commits START for a batch and answers each delivery. */
  open(lane: Lane, handler: Handler): Consumer {
    const consumer = new Consumer(lane, handler, this.parts);
    this.opened.push(consumer);
    return consumer;
  }

  /** Tasks that ended here and whose outcome is not committed. */
  get unrecorded(): number {
    return this.parts.limits.unrecorded;
  }

  /** Others may have presumed us dead: nothing starts, and nothing that waits to start is kept, until `unsuspend`. */
  suspend(): void {
    for (const consumer of this.opened) consumer.suspend();
  }

  /** We have a new identity: goes on, as far as nobody has quieted it meanwhile. */
  unsuspend(): void {
    for (const consumer of this.opened) consumer.unsuspend();
  }
}
