import { Inject, Injectable } from '@nestjs/common';
import type { WakeableLoop } from '../foundation/index.js';
import { Digests, type Matter } from '../ledger/index.js';
import { Mailer } from '../mail/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { DIGEST_POLICY, type DigestPolicy } from './digest-policy.js';
import { FailureDigest } from './failure-digest.js';

export type AttentionKind =
  'no-worker' | 'backlog-full' | 'paused-long' | 'unknown-job' | 'drain-lapsed' | 'no-clock';

/** Something that is no failure and that an admin should know. */
export interface Concern {
  readonly kind: AttentionKind;
  /** What it is about: a queue, a job, a wish. The same kind and key are one matter, told of in growing intervals. */
  readonly key: string;
  /** The subject of the mail. */
  readonly title: string;
  /** What it means and what to do. */
  readonly advice: string;
  /** Where the mail's link leads, from PUBLIC_URL on. */
  readonly path: string;
}

/** What else the admins hear of, by the same digest as failures: at once, and again while it lasts. */
@Injectable()
export class Attention {
  private readonly waiting = new Map<string, Matter>();
  private readonly writing: WakeableLoop;

  constructor(
    private readonly digests: Digests,
    private readonly digest: FailureDigest,
    private readonly mailer: Mailer,
    private readonly telemetry: Telemetry,
    @Inject(DIGEST_POLICY) private readonly policy: DigestPolicy,
  ) {
    this.writing = toldLoop(telemetry, 'failures.attention', () => this.write());
  }

  /**
   * Call it as often as the state is seen; once within half a minute counts. Returns at once; while PostgreSQL is away it
   * is kept in memory.
   */
  raise(concern: Concern): void {
    this.telemetry.emit('attention.raised', { kind: concern.kind, key: concern.key });
    if (!this.mailer.hasReaders) return;
    const fingerprint = `${concern.kind}:${concern.key}`;
    this.waiting.set(fingerprint, {
      fingerprint,
      kind: concern.kind,
      title: concern.title,
      advice: concern.advice,
      path: concern.path,
    });
    this.writing.start();
    this.writing.nudge();
  }

  /** Writes what waits, if PostgreSQL takes it, and raises nothing any more. */
  async stop(): Promise<void> {
    await this.writing.stop();
    await this.write().catch(() => undefined); // away: whoever sees it next raises it again
  }

  private async write(): Promise<number> {
    if (this.waiting.size === 0) return Infinity;
    for (const [fingerprint, matter] of this.waiting) {
      await this.digests.raise(matter, this.policy.attentionIntervalsMs);
      this.waiting.delete(fingerprint);
    }
    this.digest.nudge();
    return Infinity;
  }
}
