import { messageOf, monotonicMs, newId, SECOND, type WakeableLoop } from '../foundation/index.js';
import { type Telemetry, toldLoop } from '../telemetry/index.js';
import type { DrainChannel, Written } from './drain-channel.js';
import { LEASE_MS, RENEW_MS, type DrainWish } from './drain-wish.js';

/**
 * A wish with somebody waiting behind it: renewed as a whole every 5 s, so that it survives a wipe of Redis.
 *
 * What the fleet answered counts only while the wish has lived without a gap: a process resumes no earlier than the
 * wish's expiry, so as long as each renewal came in time, nobody has worked since it answered. A renewal that came too
 * late is therefore a new wish with a new id, and the answers to the old one are forgotten with it.
 */
export class WishLease {
  private wish: Omit<DrainWish, 'expiresAt'>;
  /** Monotonic, taken before the write was sent: never later than the life that Redis counts. */
  private writtenAt = 0;
  private expiresAt = 0;
  /** A hold that was asked for and of which nobody knows whether Redis took it in. */
  private unheard: DrainWish | undefined;
  private withdrawn = false;
  private ended: Promise<void> | undefined;
  private stopListening: (() => Promise<void>) | undefined;
  private readonly loop: WakeableLoop;

  constructor(
    private readonly channel: DrainChannel,
    asked: Pick<DrainWish, 'roles' | 'release' | 'by'>,
    private readonly telemetry: Telemetry,
  ) {
    this.wish = { id: newId(), ...asked, kind: 'lease', withdrawnAt: null };
    this.loop = toldLoop(telemetry, 'drain lease', () => this.renew());
  }

  /** Changes when the wish had to be made anew. */
  get id(): string {
    return this.wish.id;
  }

  /** Somebody else took it back (`shiftwork resume`). */
  get isWithdrawn(): boolean {
    return this.withdrawn;
  }

  /** Writes the wish for the first time, and goes on renewing it. Throws when Redis is away. */
  async open(): Promise<void> {
    await this.write(this.wish, LEASE_MS);
    // A nudge may mean that somebody took our wish back: the renewal finds out.
    this.stopListening = await this.channel.onNudge(() => {
      this.loop.nudge();
    });
    if (this.ended === undefined) this.loop.start();
    else await this.stopListening(); // given up meanwhile
  }

  /**
   * Turns the wish `id` into a hold of `holdMs` that stands without us. Answers until when, or null when that wish has
   * ended meanwhile; then whoever waits goes on waiting. Throws when Redis is away: the wish is renewed as a lease again, or,
   * when it is too late for that, taken back; either undoes a hold whose answer was lost.
   */
  async hold(id: string, holdMs: number): Promise<Date | null> {
    await this.loop.stop(); // a renewal under way must not turn the hold back into a lease
    let written: Written | null = null;
    try {
      if (id === this.id && this.isWhole) written = await this.writeHold(holdMs);
    } finally {
      if (this.ended === undefined && written?.kind !== 'written') this.loop.start();
    }
    if (this.ended !== undefined || written?.kind !== 'written') return null; // given up while we asked, or not held
    this.ended = this.stopListening?.() ?? Promise.resolve();
    return new Date(written.expiresAt);
  }

  /** Takes the wish back at once, unless it was turned into a hold. Called again, it waits for the first call. */
  end(): Promise<void> {
    return (this.ended ??= this.withdraw());
  }

  private async renew(): Promise<number> {
    if (this.withdrawn) return Infinity;
    if (!this.isWhole) this.beginAgain();
    try {
      const written = await this.write(this.wish, LEASE_MS);
      await this.takeBackUnheard();
      if (written.kind === 'lapsed') this.beginAgain();
      return written.kind === 'written' ? RENEW_MS : 0;
    } catch (error) {
      // Not left to the loop's growing pauses: within the 15 s every second counts.
      this.telemetry.emit('loop.failed', { loop: 'drain lease', error: messageOf(error) });
      return SECOND;
    }
  }

  private async writeHold(holdMs: number): Promise<Written> {
    await this.takeBackUnheard(); // there is room for one
    const hold = { ...this.wish, kind: 'hold' } as const;
    this.unheard = { ...hold, expiresAt: this.expiresAt + holdMs };
    const written = await this.write(hold, holdMs);
    this.unheard = undefined;
    return written;
  }

  private async takeBackUnheard(): Promise<void> {
    // Under the same id it has just been overwritten.
    if (this.unheard !== undefined && this.unheard.id !== this.id) await this.channel.withdraw(this.unheard);
    this.unheard = undefined;
  }

  private async write(wish: Omit<DrainWish, 'expiresAt'>, lifeMs: number): Promise<Written> {
    const sentAt = monotonicMs();
    const written = await this.channel.write(wish, lifeMs);
    if (written.kind === 'withdrawn') this.withdrawn = true;
    if (written.kind === 'written') [this.writtenAt, this.expiresAt] = [sentAt, written.expiresAt];
    return written;
  }

  private beginAgain(): void {
    this.wish = { ...this.wish, id: newId() };
    this.writtenAt = monotonicMs();
  }

  private get isWhole(): boolean {
    return monotonicMs() - this.writtenAt < LEASE_MS;
  }

  private async withdraw(): Promise<void> {
    await this.loop.stop();
    await this.stopListening?.();
    try {
      const { unheard, wish, expiresAt } = this;
      await this.takeBackUnheard();
      // For as long as the hold would have stood, if there is one: whoever remembers that must learn that it is over.
      await this.channel.withdraw(unheard?.id === wish.id ? unheard : { ...wish, expiresAt });
    } catch (error) {
      // The lease runs out by itself within 15 s: that is what a lease is for.
      this.telemetry.emit('loop.failed', { loop: 'drain withdrawal', error: messageOf(error) });
    }
  }
}
