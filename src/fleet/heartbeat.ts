import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { deferred, inTime, monotonicMs, SECOND } from '../foundation/index.js';
import type { ProcessState } from '../lifecycle/index.js';
import { Telemetry } from '../telemetry/index.js';
import { BeatingThread } from './beating-thread.js';
import { Listeners } from './listeners.js';
import { LoopClock, TICK_MS } from './loop-clock.js';
import { MOST_NAMED, type ProcessPart } from './process-record.js';
import { ThisProcess } from './this-process.js';
import { SKEW_LIMIT_MS } from './times.js';
import type { FromThread, Overdue, SpokenRecord } from './thread/messages.js';

/** A change of the record reaches the thread after this long, so that a busy worker does not post each of its tasks, ms. */
const TELL_AFTER_MS = 200;
/** `start` waits this long for the first beat to arrive; without Redis and PostgreSQL it goes on trying alone, ms. */
const FIRST_BEAT_MS = 5 * SECOND;

export type { Overdue } from './thread/messages.js';

/**
 * The life sign of this process. A worker thread beats every 1.5 s in Redis (in the ledger while Redis is away), renews
 * the locks of our entries, and watches the main loop. A process silent for 6 s is dead to the others.
 */
@Injectable()
export class Heartbeat {
  private thread: BeatingThread | undefined;
  private part: Required<ProcessPart>;
  private readonly sources: (() => ProcessPart)[] = [];
  private readonly clock = new LoopClock();
  private ticking: NodeJS.Timeout | undefined;
  private telling: NodeJS.Timeout | undefined;
  private firstBeat = deferred();
  private readonly deaths = new Listeners<readonly Overdue[]>();
  private readonly presumptions = new Listeners<number>();
  private readonly wipes = new Listeners<readonly string[]>();
  private readonly ends = new Listeners<boolean>();
  private isInBlackout = true; // the first beat of a fleet finds nobody; that is no news
  private isSkewed = false;

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly self: ThisProcess,
    private readonly telemetry: Telemetry,
  ) {
    const state: ProcessState = 'running';
    this.part = { state, queues: [], concurrency: {}, jobs: [], running: [], unrecorded: 0, fetches: 0 };
    self.onNewIdentity(() => {
      this.speak();
    });
  }

  /**
   * Begins to beat. The ledger must know this process already, or nothing it starts is accepted. Resolves when the first
   * beat has arrived, or after 5 s without one: then it goes on trying by itself.
   */
  async start(): Promise<void> {
    if (this.thread !== undefined) return;
    this.firstBeat = deferred();
    const { redisUrl, redisTls, databaseUrl, databaseTls, appName, blockedLimitMs, logLevel } = this.settings;
    this.thread = new BeatingThread(
      {
        redisUrl,
        redisTls,
        databaseUrl,
        databaseTls,
        appName,
        blockedLimitMs,
        logLevel,
        record: this.record(),
        loop: this.clock.shared,
      },
      (message) => {
        this.hear(message);
      },
      // An unheard process would be robbed of its tasks while it works on: better none at all.
      (error) => {
        throw error;
      },
    );
    this.startTicking();
    await inTime(this.firstBeat.promise, FIRST_BEAT_MS);
  }

  /**
   * Leaves the roll and stops beating. With `left`: tasks were left undone because the ledger was away; the others take them at once,
   * and count an interruption instead of a crash. Resolves within 2 s, also while Redis is away. Twice is fine.
   */
  async stop({ left = false }: { left?: boolean } = {}): Promise<void> {
    const thread = this.thread;
    this.thread = undefined;
    clearInterval(this.ticking);
    clearTimeout(this.telling);
    this.telling = undefined;
    await thread?.stop(left);
  }

  /** Changes what the next beats say. */
  set(part: ProcessPart): void {
    this.part = { ...this.part, ...part };
    this.telling ??= setTimeout(() => {
      this.speak();
    }, TELL_AFTER_MS).unref();
  }

  /** Asks `source` once a second instead, for what changes with every task. */
  observe(source: () => ProcessPart): void {
    this.sources.push(source);
  }

  /** Processes that are overdue, told with every beat until someone has rescued them (`RollCall.forget`). */
  onDeaths(listener: (overdue: readonly Overdue[]) => void): () => void {
    return this.deaths.add(listener);
  }

  /**
   * We were silent for so long (ms) that others may have taken our tasks: whatever runs must stop, and nothing may start
   * before its claim was checked. The beat rests until `ThisProcess.become`.
   */
  onPresumedDead(listener: (gapMs: number) => void): () => void {
    return this.presumptions.add(listener);
  }

  /** Queues we serve whose keys were wiped from Redis, told with every beat until the marker is back. */
  onMarkerMissing(listener: (queues: readonly string[]) => void): () => void {
    return this.wipes.add(listener);
  }

  /** A blackout began (true), in which nobody is declared dead, or ended (false): whoever died in it is found only by a sweep. */
  onBlackout(listener: (began: boolean) => void): () => void {
    return this.ends.add(listener);
  }

  /** For whoever learns it elsewhere: the ledger refuses our starts because our row is gone. */
  presumeDead(gapMs: number): void {
    this.thread?.tell({ kind: 'holdBreath' });
    this.presumptions.tell(gapMs);
  }

  /** How late the main loop's last tick was, ms. */
  get loopLagMs(): number {
    return this.clock.lagMs;
  }

  private hear(message: FromThread): void {
    switch (message.kind) {
      case 'beat':
        this.firstBeat.resolve();
        if (message.via === 'redis') this.hearBeat(message);
        break;
      case 'missed':
        break; // the main thread's own connection tells of Redis being away
      case 'markersMissing':
        this.wipes.tell(message.queues);
        break;
      case 'presumedDead':
        this.presumptions.tell(message.gapMs);
        break;
      case 'loopRecovered':
        this.telemetry.emit('process.loopRecovered', { blockedMs: message.blockedMs });
        break;
      case 'stopped':
        break; // BeatingThread keeps it to itself
    }
  }

  private hearBeat({
    overdue,
    blackoutMs,
    skewMs,
  }: {
    overdue: readonly Overdue[];
    blackoutMs: number;
    skewMs: number | null;
  }): void {
    const isInBlackout = blackoutMs > 0;
    if (isInBlackout !== this.isInBlackout) {
      this.isInBlackout = isInBlackout;
      if (isInBlackout) this.telemetry.emit('fleet.blackout', { forMs: blackoutMs });
      this.ends.tell(isInBlackout);
    }
    if (overdue.length > 0) this.deaths.tell(overdue);
    const isSkewed = skewMs !== null && Math.abs(skewMs) > SKEW_LIMIT_MS;
    if (isSkewed && !this.isSkewed) this.telemetry.emit('fleet.clockSkew', { server: 'redis', skewMs });
    this.isSkewed = isSkewed;
  }

  // The loop ticks once a second; how late a tick is, is how long the loop was held up.
  private startTicking(): void {
    let due = monotonicMs() + TICK_MS;
    this.ticking = setInterval(() => {
      const now = monotonicMs();
      this.clock.tick(Math.max(0, now - due));
      due = now + TICK_MS;
      if (this.sources.length > 0) this.speak();
    }, TICK_MS).unref();
  }

  private speak(): void {
    clearTimeout(this.telling);
    this.telling = undefined;
    this.thread?.tell({ kind: 'record', record: this.record() });
  }

  private record(): SpokenRecord {
    for (const source of this.sources) this.part = { ...this.part, ...source() };
    const { id, roles, host, pid, release, bootedAt } = this.self;
    return {
      id,
      roles,
      host,
      pid,
      release,
      bootedAt: bootedAt.toISOString(),
      ...this.part,
      running: this.part.running.slice(0, MOST_NAMED),
    };
  }
}
