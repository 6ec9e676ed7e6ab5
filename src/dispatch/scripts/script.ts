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

  constructor(private readonly lua: string) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /** Runs it by its hash; a server that does not know it yet (new, or restarted) gets the text once. Throws `DispatchUnavailableError`. */
  async run(redis: Redis, queueBase: string, args: readonly Argument[]): Promise<Reply> {
    try {
      return await this.call(redis, 'EVALSHA', this.sha, queueBase, args);
    } catch (error) {
      if (!isUnknownScript(error)) throw new DispatchUnavailableError(error);
    }
    try {
      return await this.call(redis, 'EVAL', this.lua, queueBase, args);
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
