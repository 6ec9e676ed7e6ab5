import type { RedisOptions } from 'ioredis';
import { SECOND } from '../foundation/index.js';
import { isRefusedSelect } from './refused-database.js';

/** A refusal so long after the one before has nothing to do with it. */
const FORGET_AFTER_MS = 10 * SECOND;

/**
 * How one connection comes back: after 100 ms, 200 ms … at most 2 s (Bull's default of up to 20 s would leave a worker deaf
 * long after Redis is back).
 *
 * A fail-over may make the master a replica behind a connection that stays open: it would refuse every write for ever, and
 * only a new connection finds the new master. The refused command is not sent again: its caller is told, and decides.
 * As long as the new connection ends at the replica too, ioredis would count its attempts from the beginning, because each
 * connection succeeds: hence a count of our own.
 *
 * ioredis also goes on, in database 0, when the server refuses to SELECT ours: such a connection is given up before anybody may
 * use it, and tried again.
 */
export function reconnection(): Pick<RedisOptions, 'retryStrategy' | 'reconnectOnError'> {
  let isRefused = false;
  let refusals = 0;
  let refusedAt = -Infinity;
  const noteRefusal = (): void => {
    const now = performance.now();
    refusals = now - refusedAt > FORGET_AFTER_MS ? 1 : refusals + 1;
    refusedAt = now;
    isRefused = false;
  };
  return {
    reconnectOnError: (error) => (isRefused ||= isReadOnly(error) || isRefusedSelect(error)),
    retryStrategy: (attempt) => {
      if (!isRefused) return waitMs(attempt);
      noteRefusal();
      return waitMs(Math.max(attempt, refusals));
    },
  };
}

function waitMs(attempt: number): number {
  return Math.min(attempt * 100, 2 * SECOND);
}

// Redis 6 has it in the middle of what it says of a script.
function isReadOnly(error: Error): boolean {
  return error.message.includes('READONLY');
}
