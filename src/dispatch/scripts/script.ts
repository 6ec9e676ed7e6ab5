import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { DispatchUnavailableError } from '../../redis/index.js';

/** What a script call may be given. Everything reaches Lua as text. */
export type Argument = string | number;

/**
 * One Lua script of ours. Every script gets a single key, the queue's key prefix `{app:queue}:queue:`, and builds the other
 * names from it: they share its hash tag, so that they sit in one slot of a Cluster. All scripts may be repeated.
 */
export class Script<Reply> {
  private readonly sha: string;
  private isKnown = false;

  constructor(private readonly lua: string) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /**
   * Runs it. Throws `DispatchUnavailableError`. The text goes along until a server has taken it, then its hash does. (Hashes alone
   * would bring calls that were made together out of order: those that are refused come after those that were sent behind
   * somebody else's text.) A server that does not know it any more, because it was restarted, gets the text again.
   */
  async run(redis: Redis, queueBase: string, args: readonly Argument[]): Promise<Reply> {
    try {
      if (this.isKnown) return await this.call(redis, 'EVALSHA', this.sha, queueBase, args);
    } catch (error) {
      if (!isUnknownScript(error)) throw new DispatchUnavailableError(error);
      this.isKnown = false;
    }
    try {
      const reply = await this.call(redis, 'EVAL', this.lua, queueBase, args);
      this.isKnown = true;
      return reply;
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }

  private async call(
    redis: Redis,
    command: string,
    script: string,
    queueBase: string,
    args: readonly Argument[],
  ): Promise<Reply> {
    // The cast states what the Lua text returns; each script's test holds it to that.
    return (await redis.call(command, [script, 1, queueBase, ...args])) as Reply;
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
