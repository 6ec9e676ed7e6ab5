/** Who we are. Changes when the process was presumed dead. */
export interface Identity {
  readonly id: string;
}

/**
 * Mints the claims `<processId>:<n>` of this process: one per delivery, never the same twice. A fetch takes a row of
 * numbers beforehand; those that come back unused are not used again.
 */
export class ClaimCounter {
  private next = 1;

  constructor(private readonly identity: Identity) {}

  /** The process id as it is now, and the first of `count` numbers. */
  take(count: number): { processId: string; first: number } {
    const first = this.next;
    this.next += count;
    return { processId: this.identity.id, first };
  }

  /** Whether a claim was minted here, under our present identity. */
  isOurs(claim: string): boolean {
    return claim.startsWith(`${this.identity.id}:`);
  }
}
