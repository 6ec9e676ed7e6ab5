import { Inject, Injectable } from '@nestjs/common';
import { SECOND, TestSignal, type WakeableLoop, messageOf, pause } from '../foundation/index.js';
import { ThisProcess } from '../fleet/index.js';
import { Digests, type Told } from '../ledger/index.js';
import { MailError, Mailer } from '../mail/index.js';
import { isUnavailable } from '../postgres/index.js';
import { Telemetry, toldLoop } from '../telemetry/index.js';
import { ChooseMail, type ChosenMail } from './choose-mail.js';
import { DIGEST_POLICY, type DigestPolicy } from './digest-policy.js';

/** Tests wait here, between the mail server's 250 and the mark that the mail was sent. */
export const mailTaken = new TestSignal('failures.mailTaken');

/** A digest that somebody else has locked, or that this process may soon send, is looked at again after this long. */
const SOONEST_MS = 250;

/**
 * Sends what is due: first at once, then in growing intervals, never more than the cap. Any process may send; a mail is
 * claimed in the ledger before it is sent and marked after, so that one process sends it, and another takes over when
 * that one died in between. Then, and only then, it is sent twice, under the same Message-ID.
 *
 * The loop sleeps until the next digest is due. It is nudged when this process has noted something; what others have
 * noted, they send. A sweep finds what a death has left.
 */
@Injectable()
export class FailureDigest {
  private readonly sending: WakeableLoop;
  private stopping = new AbortController();
  private isServerAway = false;
  private failures = 0;

  constructor(
    private readonly choose: ChooseMail,
    private readonly digests: Digests,
    private readonly mailer: Mailer,
    private readonly self: ThisProcess,
    private readonly telemetry: Telemetry,
    @Inject(DIGEST_POLICY) private readonly policy: DigestPolicy,
  ) {
    this.sending = toldLoop(telemetry, 'failures.digest', (signal) => this.work(signal));
  }

  start(): void {
    if (!this.mailer.hasReaders) return; // nothing is ever due
    this.stopping = new AbortController();
    this.sending.start();
  }

  /** Something may be due now. */
  nudge(): void {
    this.sending.nudge();
  }

  /** Resolves when a mail in flight is sent and marked; none follows. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.sending.stop();
  }

  private async work(signal: AbortSignal): Promise<number> {
    while (!signal.aborted) {
      const next = await this.choose.next(this.self.id);
      if (next.kind === 'nothing') return next.waitMs === null ? Infinity : Math.max(SOONEST_MS, next.waitMs);
      const taken = await this.send(next.mail);
      if (!taken && this.isServerAway) return Math.min(30 * SECOND, SECOND * 2 ** Math.min(this.failures, 5));
    }
    return Infinity;
  }

  /** Sends and marks; a mail that is not taken is due again later. Answers whether it was taken. */
  private async send(mail: ChosenMail): Promise<boolean> {
    try {
      await this.mailer.sendToAdmins(mail.message);
    } catch (error) {
      await this.notTaken(mail, error);
      return false;
    }
    await mailTaken.reached(mail.message.messageId);
    await this.mark(mail);
    this.took();
    this.telemetry.emit('mail.sent', {
      about: mail.kind,
      messageId: mail.message.messageId,
      causes: mail.told.length,
    });
    return true;
  }

  private async notTaken(mail: ChosenMail, error: unknown): Promise<void> {
    if (this.failures++ === 0) this.telemetry.emit('mail.failed', { error: messageOf(error) });
    this.isServerAway = !(error instanceof MailError && error.refused);
    await this.digests.putOff(
      mail.told.map((each: Told) => each.fingerprint),
      mail.processId, // who chose it: we may be somebody new since
    );
  }

  private took(): void {
    if (this.failures > 0) this.telemetry.emit('mail.recovered', {});
    this.failures = 0;
    this.isServerAway = false;
  }

  // The mail is out; only the mark keeps it from being sent again. While PostgreSQL is away this process keeps trying.
  private async mark(mail: ChosenMail): Promise<void> {
    for (;;) {
      try {
        await this.digests.noteMailed(
          mail.processId,
          mail.told,
          { messageId: mail.message.messageId, kind: mail.kind },
          (kind) => (kind === 'failure' ? this.policy.failureIntervalsMs : this.policy.attentionIntervalsMs),
        );
        return;
      } catch (error) {
        if (!isUnavailable(error) || this.stopping.signal.aborted) throw error;
        await pause(SECOND, this.stopping.signal);
      }
    }
  }
}
