import { Inject, Injectable } from '@nestjs/common';
import { queueNames, SETTINGS, type Settings } from '../config/index.js';
import { type Delivery, Relay } from '../dispatch/index.js';
import { RollCall } from '../fleet/index.js';
import { pause, SECOND, type WakeableLoop } from '../foundation/index.js';
import { JobRegistry } from '../jobs/index.js';
import { WaitingMoves } from '../ledger/index.js';
import { RedisClients } from '../redis/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';

/** Parked tasks are taken up at most this often, ms: should this process lose one again to an older one, they do not spin. */
const TAKE_UP_EVERY_MS = SECOND;
/** By then Redis has taken in that the entries are out, ms. */
const TELL_AFTER_MS = SECOND / 4;

/** Somebody found parked tasks: whoever knows their jobs should take them up. */
export const PARKED_CHANNEL = 'parked';

/**
 * Jobs that this release does not know. During a deploy two releases overlap, so such a task is never failed. It is parked: its
 * entry leaves Redis, where a queue full of them would spin, and whoever knows the job is told and takes it up (PROTOCOL
 * rule 25, but for the entry of a job that a live process knows: put back for two seconds, as the rule has it, it came due by
 * the clock of the very process that cannot run it, which took it again and again).
 */
@Injectable()
export class UnknownJobs {
  private readonly loop: WakeableLoop;
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly jobs: JobRegistry,
    private readonly roll: RollCall,
    private readonly moves: WaitingMoves,
    private readonly relay: Relay,
    private readonly redis: RedisClients,
    private readonly telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, 'parked tasks', (signal) => this.takeUp(signal));
  }

  /** Parks deliveries whose job is not known here, and tells those who may know it. */
  async dispose(deliveries: readonly Delivery[]): Promise<void> {
    for (const job of new Set(deliveries.map((delivery) => delivery.job))) {
      const of = deliveries.filter((delivery) => delivery.job === job);
      await this.moves.park(
        of.map((delivery) => delivery.taskId),
        job,
      );
      this.telemetry.emit('queue.unknownJob', {
        job,
        queue: of[0]?.queue ?? '',
        known: await this.isKnown(job),
      });
    }
    if (deliveries.length > 0) void this.tell();
  }

  /** Takes up what is parked and known here now, and from now on whenever somebody parks something. */
  async start(): Promise<void> {
    this.loop.start();
    const look = (): void => {
      this.loop.nudge();
    };
    const { subscriber, keys } = this.redis;
    this.stopListening = await subscriber.subscribe(keys.channel(PARKED_CHANNEL), look, look);
  }

  async stop(): Promise<void> {
    await this.stopListening?.();
    await this.loop.stop();
  }

  private async takeUp(signal: AbortSignal): Promise<number> {
    const ids = await this.moves.unpark(
      this.jobs.all().map((job) => job.name),
      queueNames(this.settings.lanes),
    );
    await this.relay.dispatch(ids);
    await pause(TAKE_UP_EVERY_MS, signal);
    return Infinity;
  }

  // A put leaves an entry alone that is still in our hands, so it is told when ours have left Redis.
  private async tell(): Promise<void> {
    await pause(TELL_AFTER_MS);
    await this.redis.command.publish(this.redis.keys.channel(PARKED_CHANNEL), '').catch(() => undefined); // the chores tell again
  }

  private async isKnown(job: string): Promise<boolean> {
    return this.roll.knows(job).catch(() => false); // Redis is away: nobody can tell
  }
}
