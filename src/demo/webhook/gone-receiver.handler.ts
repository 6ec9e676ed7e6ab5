import { type Failure, FailureHandler, type FailureLink } from '../../index.js';

/**
 * A receiver that answers 410 Gone has said goodbye: nobody needs to be woken for that. The FailedTask stays on record, with
 * this handler's name as the one that took care of it; the handlers after this one and the mail are left out.
 */
@FailureHandler({ order: 10, jobs: ['webhook.deliver'] })
export class GoneReceiver implements FailureLink {
  handle(failure: Failure): boolean {
    return failure.error.code !== 'http-410';
  }
}
