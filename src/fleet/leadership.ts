import { monotonicMs, newId, SECOND, type WakeableLoop } from '../foundation/index.js';
import type { RedisClients } from '../redis/index.js';
import { type Telemetry, toldLoop } from '../telemetry/index.js';
import { GIVE_BACK, TAKE } from './lease-scripts.js';
import { Listeners } from './listeners.js';

/*
 * Who leads. A lease in Redis: a key with a TTL of 10 s whose value is the token of one contender. The holder renews it
 * every 2 s; the others try as often, and are woken at once when it is given back. So a leader that leaves is followed
 * within milliseconds, and one that dies or freezes within 12 s.
 *
 * A lease cannot promise that two never lead at once: a leader may freeze between the question "do I lead?" and its deed.
 * Therefore it trusts itself only until `trustedUntil`, counted on its own monotonic clock from *before* the request that won
 * or renewed the lease; and whatever a leader does must be harmless when two do it (a unique key, a compare-and-set).
 * The lease only saves work. Each reign has a term, a number that grows: later deeds can be told from earlier ones.
 */
const TTL_MS = 10 * SECOND;
const EVERY_MS = 2 * SECOND;
/** Kept off the end of the lease for what lies between looking at the clock and the deed. */
const MARGIN_MS = 500;

/** One contender for one lease. */
export class Leadership {
  private readonly token = newId();
  private readonly loop: WakeableLoop;
  private readonly listeners = new Listeners<boolean>();
  private currentTerm = 0;
  private trustedUntilMs = 0;
  private lapse: NodeJS.Timeout | undefined;
  private subscription: Promise<() => Promise<void>> | undefined;
  private toldLeading = false;
  private isContending = false;
  private unansweredSinceMs: number | undefined;

  constructor(
    readonly name: string,
    private readonly redis: RedisClients,
    private readonly telemetry: Telemetry,
  ) {
    this.loop = toldLoop(telemetry, `lease ${name}`, () => this.contend());
  }

  /** Whether we lead now, and may act for a moment. */
  isLeading(): boolean {
    return monotonicMs() < this.trustedUntilMs;
  }

  /** Monotonic ms (`monotonicMs`) until which we dare to believe that we lead. In the past: we do not. */
  get trustedUntil(): number {
    return this.trustedUntilMs;
  }

  /** The number of our present or latest reign; 0: never led. */
  get term(): number {
    return this.currentTerm;
  }

  /** ms since Redis left us without an answer to the question who leads; 0 while it answers. */
  get unansweredForMs(): number {
    return this.unansweredSinceMs === undefined ? 0 : monotonicMs() - this.unansweredSinceMs;
  }

  /** Begins to contend. Twice is fine. */
  start(): void {
    if (this.isContending) return;
    this.isContending = true;
    this.unansweredSinceMs = undefined;
    this.loop.start();
    const nudge = (): void => {
      this.loop.nudge();
    };
    this.subscription = this.redis.subscriber.subscribe(this.channel, nudge, nudge);
  }

  /** Leads no more, and wakes the next contender. Resolves when the lease is free, or Redis could not be told: then it lapses. */
  async resign(): Promise<void> {
    if (!this.isContending) return;
    this.isContending = false;
    // While Redis is away this waits until it is back, and nobody needs it.
    void this.subscription?.then((unsubscribe) => unsubscribe());
    this.subscription = undefined;
    await this.loop.stop();
    this.trust(0, 'resigned');
    await this.redis.command
      .eval(GIVE_BACK, 1, this.redis.keys.lease(this.name), this.token, this.channel)
      .catch(() => undefined);
  }

  /** Calls `listener` with true when we begin to lead, with false when we do not any more. Answers the way to stop. */
  onChange(listener: (isLeading: boolean) => void): () => void {
    return this.listeners.add(listener);
  }

  private async contend(): Promise<number> {
    const sentMs = monotonicMs();
    if (!this.redis.isReady) {
      this.unansweredSinceMs ??= sentMs;
      return EVERY_MS; // woken when it is back; until then our trust runs out by itself
    }
    // Stalled or just gone: ask again soon, without the loop's growing pauses. What we had runs out by itself.
    const answer = await this.redis.command
      .eval(TAKE, 2, this.redis.keys.lease(this.name), this.redis.keys.term(this.name), this.token, TTL_MS)
      .catch(() => null);
    this.unansweredSinceMs = answer === null ? (this.unansweredSinceMs ?? sentMs) : undefined;
    if (answer === null || !this.isContending) return EVERY_MS;
    const [isOurs, term] = answer as [number, string]; // what TAKE returns
    if (isOurs === 1) {
      this.currentTerm = Number(term);
      this.trust(sentMs + TTL_MS - MARGIN_MS, 'took it');
    } else this.trust(0, 'another holds it');
    return EVERY_MS;
  }

  private trust(untilMs: number, why: string): void {
    this.trustedUntilMs = untilMs;
    clearTimeout(this.lapse);
    const leftMs = untilMs - monotonicMs();
    if (leftMs > 0)
      this.lapse = setTimeout(() => {
        this.trust(0, 'could not renew it in time');
      }, leftMs).unref();
    this.tell(leftMs > 0, why);
  }

  private tell(isLeading: boolean, why: string): void {
    if (isLeading === this.toldLeading) return;
    this.toldLeading = isLeading;
    if (isLeading) this.telemetry.emit('fleet.leads', { lease: this.name, term: this.currentTerm });
    else this.telemetry.emit('fleet.leadsNoMore', { lease: this.name, why });
    this.listeners.tell(isLeading);
  }

  private get channel(): string {
    return this.redis.keys.channel(`lease:${this.name}`);
  }
}
