import type { Pool, PoolClient } from 'pg';

/** What is to be done on a connection; it calls `done` with an error or with what it has got. */
export type OnConnection<T> = (
  client: PoolClient,
  done: (error: Error | null | undefined, value?: T) => void,
) => void;

/**
 * Uses a connection of the pool for at most `limitMs` (ms), and gives it back. After an error (pg's own "Query read timeout" when
 * the limit is over) the connection is closed: nobody knows what it will say next, nor whether what was asked has been done.
 *
 * `query_timeout` of pg would do, were it not for the garbage collector. With it (seen with pg 8.23 on Node 20) the rows and
 * parameters of nearly every query outlive two collections of the young generation and are promoted: two thirds of what a busy
 * worker promoted, and 30 MB of its memory.
 */
export function onConnection<T>(pool: Pool, limitMs: number, use: OnConnection<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    pool.connect((connectError, client, release) => {
      if (client === undefined) {
        reject(connectError ?? new Error('Connection terminated'));
        return;
      }
      let isOver = false;
      const done = (error: Error | null | undefined, value?: T): void => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        client.off('error', done);
        release(error ?? undefined);
        if (error) reject(error);
        else resolve(value as T); // no error: it is there
      };
      const timer = setTimeout(() => {
        done(new Error('Query read timeout')); // made when needed: an error for each query, with its stack, took 10 µs
      }, limitMs);
      client.once('error', done); // without a listener, a connection that breaks would end the process
      use(client, done);
    });
  });
}
