import { timingSafeEqual } from 'node:crypto';
import type { Token, TokenRole } from '../../config/index.js';

/** Tells the role of a token in a time that says nothing of what it is compared with, but for its length. */
export class Tokens {
  private readonly known: readonly { readonly role: TokenRole; readonly bytes: Buffer }[];

  constructor(tokens: readonly Token[]) {
    this.known = tokens.map(({ role, value }) => ({ role, bytes: Buffer.from(value) }));
  }

  get areConfigured(): boolean {
    return this.known.length > 0;
  }

  /** The role of the token, null if there is none like it. Every known token is compared to the end, found or not. */
  roleOf(token: string): TokenRole | null {
    const given = Buffer.from(token);
    let found: TokenRole | null = null;
    for (const { role, bytes } of this.known) {
      const fits = bytes.length === given.length;
      // Another length is compared as well, with itself, so that it takes no less time.
      if (timingSafeEqual(bytes, fits ? given : bytes) && fits) found = role;
    }
    return found;
  }
}
