import { UnavailableError } from '../foundation/index.js';

/** Redis is away, or did not answer in time. Accepted tasks are safe in the ledger; they are dispatched when it is back. */
export class DispatchUnavailableError extends UnavailableError {
  readonly code = 'redis-unavailable';
  constructor(cause: unknown) {
    // Not the cause's text: it may name the server's address, which is nobody's business who asks by REST.
    super(
      `Redis cannot be reached or did not answer in time (${codeOf(cause) ?? 'no answer'}).`,
      {},
      { cause },
    );
  }
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}
