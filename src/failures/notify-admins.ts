import { Inject, Injectable } from '@nestjs/common';
import { Mailer } from '../mail/index.js';
import { DIGEST_POLICY, type DigestPolicy } from './digest-policy.js';

/**
 * The last link: the admins are to hear of a failure. It is carried out by the statement that closes the failure, so that
 * neither can be without the other; what the admins hear, and when, is the digest's affair.
 */
@Injectable()
export class NotifyAdmins {
  constructor(
    private readonly mailer: Mailer,
    @Inject(DIGEST_POLICY) private readonly policy: DigestPolicy,
  ) {}

  /** What the closing statement needs for it; null when there is nobody to hear. */
  get noteIntervalsMs(): readonly number[] | null {
    return this.mailer.hasReaders ? this.policy.failureIntervalsMs : null;
  }
}
