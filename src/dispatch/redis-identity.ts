import { Injectable } from '@nestjs/common';
import { SECOND } from '../foundation/index.js';
import { Undispatched } from '../ledger/index.js';
import { DispatchUnavailableError, RedisClients } from '../redis/index.js';

const LEASE_MS = 60 * SECOND;

/**
 * Whether this is still the Redis that we filled. Another run id means a restart, a restored backup or a fail-over: what it
 * holds may be from an hour ago, with the markers in place. The ledger notes the run id, after everything was checked.
 */
@Injectable()
export class RedisIdentity {
  constructor(
    private readonly redis: RedisClients,
    private readonly undispatched: Undispatched,
  ) {}

  /** Runs `check` if this is another Redis than noted, and notes it. False: somebody else is at it; ask again. */
  async ifAnother(processId: string, check: () => Promise<void>): Promise<boolean> {
    const runId = await this.runId();
    if ((await this.undispatched.notedRedis()) === runId) return true;
    const { command, keys } = this.redis;
    const lease = keys.lease('identity');
    if ((await command.set(lease, processId, 'PX', LEASE_MS, 'NX')) === null) return false;
    try {
      await check();
      await this.undispatched.noteRedis(runId);
      return true;
    } finally {
      await command.del(lease).catch(() => undefined); // away: it lapses
    }
  }

  private async runId(): Promise<string> {
    try {
      const info = await this.redis.command.info('server');
      return /^run_id:(\S+)/m.exec(info)?.[1] ?? 'unknown';
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }
}
