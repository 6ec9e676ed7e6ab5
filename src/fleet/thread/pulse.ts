import { BEAT_EVERY_MS, BLOCKED_NOTICE_MS, DEAD_AFTER_MS, LOCKS_EVERY_MS } from '../times.js';
import { LoopClock, TICK_MS } from '../loop-clock.js';
import { tellBlocked } from './blocked-notice.js';
import { LedgerPulse } from './ledger-beat.js';
import { LoopWatch } from './loop-watch.js';
import type { FromThread, SpokenRecord, ThreadOptions } from './messages.js';
import { RedisPulse } from './redis-beat.js';
import { Silence } from './silence.js';

/** It looks at the time this often, ms. */
const LOOK_EVERY_MS = 250;

/**
 * The life sign of a process, beaten from a thread of its own: a main loop that is blocked by a job is not a death.
 *
 * Every 1.5 s it beats in Redis; while Redis is away, in our row of table `process`. When neither can be reached,
 * or the process itself was not there (SIGSTOP), others may have presumed us dead: it says so once, and holds its breath
 * until the main thread has taken a new identity, because a beat under the old one would take back what others act upon.
 */
export class Pulse {
  private record: SpokenRecord;
  private readonly redis: RedisPulse;
  private readonly ledger: LedgerPulse;
  private readonly loopClock: LoopClock;
  private readonly loopWatch: LoopWatch;
  private silence = newSilence();
  private looking: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();
  private isBeating = false;
  private isHolding = false;
  private beatDueMs = 0;
  private locksDueMs = performance.now() + LOCKS_EVERY_MS;
  /** Where the last beat of this identity arrived. */
  private provedBy: 'redis' | 'ledger' | null = null;
  /** Our last proof stands in the ledger: Redis cannot tell whether others found it too old and took what we had. */
  private isInDoubt = false;

  constructor(
    private readonly options: ThreadOptions,
    private readonly tell: (message: FromThread) => void,
  ) {
    this.record = options.record;
    this.redis = new RedisPulse(options);
    this.ledger = new LedgerPulse(options);
    this.loopClock = new LoopClock(options.loop);
    this.loopWatch = new LoopWatch(performance.now(), this.loopClock.ticks);
  }

  start(): void {
    this.isBeating = true;
    this.looking = setInterval(() => {
      this.look();
    }, LOOK_EVERY_MS);
    this.beating = this.redis.untilReady().then(() => {
      this.isBeating = false;
      this.look();
    });
  }

  /** What the next beats say. Another id than before is a new identity: breathe again. */
  speakOf(record: SpokenRecord): void {
    const isNew = record.id !== this.record.id;
    this.record = record;
    if (!isNew) return;
    this.isHolding = false;
    this.provedBy = null;
    this.isInDoubt = false;
    this.silence = newSilence();
    this.beatDueMs = 0;
  }

  holdBreath(): void {
    this.isHolding = true;
  }

  async stop(left: boolean): Promise<void> {
    clearInterval(this.looking);
    await this.beating;
    await this.redis.leave(this.record.id, left).catch(() => undefined); // Redis is away: the record lapses by itself
    this.redis.close();
    this.ledger.close();
  }

  private look(): void {
    const now = performance.now();
    this.watchLoop(now);
    const silentMs = this.silence.look(now, Date.now());
    if (this.isHolding) return;
    // A process that was never heard cannot be missed: a boot may wait for its servers as long as it likes.
    if (silentMs !== null && this.provedBy !== null) {
      this.presumedDead(silentMs);
      return;
    }
    if (this.isBeating || now < this.beatDueMs) return;
    this.isBeating = true;
    this.beatDueMs = now + BEAT_EVERY_MS;
    this.beating = this.beat(this.record.id).finally(() => {
      this.isBeating = false;
    });
  }

  private async beat(id: string): Promise<void> {
    if (this.isInDoubt && this.redis.isReady && (await this.isGone(id))) return;
    const sentMs = performance.now();
    try {
      await this.beatInRedis(id, sentMs);
      if (!this.isInDoubt) this.ledger.close();
    } catch (error) {
      this.tell({ kind: 'missed', error: error instanceof Error ? error.message : String(error) });
      await this.beatInLedger(id);
      return;
    }
    await this.lookAfterQueues(id).catch(() => undefined); // Redis broke in between: the next beat comes back here
  }

  private async beatInRedis(id: string, sentMs: number): Promise<void> {
    const beat = await this.redis.beat(
      id,
      JSON.stringify({ ...this.record, loopLag: this.lagMs }),
      this.provedBy === 'redis',
    );
    if (id !== this.record.id || this.isHolding) return;
    if (!beat.counts) {
      this.presumedDead(beat.sinceLastMs ?? DEAD_AFTER_MS);
      return;
    }
    this.proved('redis', sentMs);
    this.tell({
      kind: 'beat',
      via: 'redis',
      overdue: beat.overdue,
      blackoutMs: beat.blackoutMs,
      skewMs: beat.skewMs,
    });
  }

  // Before the first beat in Redis after some in the ledger. A beat under an identity that was rescued would go on for ever:
  // on the roll, and refused every start. With the ledger away, too, it is asked again at the next beat.
  private async isGone(id: string): Promise<boolean> {
    const isKnown = await this.ledger.beat(id).catch(() => null);
    this.isInDoubt = isKnown === null;
    if (isKnown !== false || id !== this.record.id || this.isHolding) return false;
    this.presumedDead(DEAD_AFTER_MS);
    return true;
  }

  private async beatInLedger(id: string): Promise<void> {
    const sentMs = performance.now();
    const isKnown = await this.ledger.beat(id).catch(() => null);
    if (isKnown === null || id !== this.record.id || this.isHolding) return;
    if (!isKnown && this.provedBy !== null) this.presumedDead(DEAD_AFTER_MS);
    if (!isKnown) return;
    this.isInDoubt = true;
    this.proved('ledger', sentMs);
    this.tell({ kind: 'beat', via: 'ledger', overdue: [], blackoutMs: 0, skewMs: null });
  }

  private async lookAfterQueues(id: string): Promise<void> {
    const { queues } = this.record;
    if (queues.length === 0 || this.isHolding) return;
    const missing = await this.redis.withoutMarker(queues);
    if (missing.length > 0) this.tell({ kind: 'markersMissing', queues: missing });
    // A blocked main loop may sit on a wake token that its blocking read was given: others, who are idle, must hear.
    if (this.blockedMs > BEAT_EVERY_MS) await this.redis.wake(queues);
    if (performance.now() < this.locksDueMs) return;
    await this.redis.renewLocks(id, queues);
    this.locksDueMs = performance.now() + LOCKS_EVERY_MS;
  }

  private proved(by: 'redis' | 'ledger', sentMs: number): void {
    this.provedBy = by;
    this.silence.proved(performance.now() - sentMs);
  }

  private presumedDead(gapMs: number): void {
    this.isHolding = true;
    this.tell({ kind: 'presumedDead', gapMs: Math.round(gapMs) });
  }

  private watchLoop(now: number): void {
    const before = this.blockedMs;
    if (this.loopWatch.look(now, this.loopClock.ticks)) {
      if (before > BLOCKED_NOTICE_MS) this.tell({ kind: 'loopRecovered', blockedMs: Math.round(before) });
      return;
    }
    tellBlocked({
      record: this.record,
      beforeMs: before,
      blockedMs: this.blockedMs,
      limitMs: this.options.blockedLimitMs,
      silent: this.options.logLevel === 'silent',
    });
  }

  private get blockedMs(): number {
    return Math.max(0, this.loopWatch.sinceTickMs - TICK_MS);
  }

  private get lagMs(): number {
    return Math.round(Math.max(this.blockedMs, this.loopClock.lagMs));
  }
}

function newSilence(): Silence {
  return new Silence(performance.now(), Date.now());
}
