import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dedicatedPostgres, dedicatedRedis, query } from '../support/servers.js';
import { World } from '../support/world.js';
import { waitFor } from '../support/wait.js';

const MINUTE_MS = 60_000;
const BEAT_MS = 1_500;
const ROLES = ['web', 'worker', 'clock'];
/** A process never beats sooner, so this many beats of the fleet take a minute at least. */
const BEATS_OF_A_MINUTE = (ROLES.length * MINUTE_MS) / BEAT_MS;
/** What this test asks on its own account is told by this name. */
const OURS = 'the-test';

/**
 * Everything that Redis may be asked by an idle fleet of three, and how often for each beat, also inside of scripts. One of
 * them has a queue, one may lead: a beat is a script of seven commands, the worker then looks at its queue's marker; the
 * lease of the clock is renewed every 2 s, locks every 10 s, and looked for by the others every 10 s.
 */
const PER_BEAT: Readonly<Record<string, number>> = {
  zadd: 1,
  eval: 1.5,
  time: 1.1,
  zrevrange: 1.1,
  zscore: 1.1,
  zrangebyscore: 1.1,
  set: 1.1,
  get: 1.75,
  hget: 0.4,
  pexpire: 0.3,
  exists: 0.15,
  lrange: 0.1,
  blpop: 0.04,
};
/** What the edges of the time that is looked at may add to each. */
const EDGE = 3;

interface Statement {
  readonly atMs: number;
  readonly by: string;
  readonly text: string;
}

// Servers of our own: whatever they are asked, they are asked by this fleet. PostgreSQL writes down every statement of everybody.
let postgres: Awaited<ReturnType<typeof dedicatedPostgres>>;
let redis: Awaited<ReturnType<typeof dedicatedRedis>>;
let client: Redis;
let world: World;
beforeAll(async () => {
  [postgres, redis] = await Promise.all([
    dedicatedPostgres({ logging_collector: 'on', log_destination: 'jsonlog', log_statement: 'all' }),
    dedicatedRedis(),
  ]);
  client = new Redis(redis.url);
  world = new World({ DATABASE_URL: postgres.url, REDIS_URL: redis.url, QUEUES: 'default:4' });
  await Promise.all([world.web(), world.role('worker'), world.role('clock')]);
});
afterAll(async () => {
  client.disconnect();
  await world.end();
  await Promise.all([postgres.dispose(), redis.dispose()]);
});

/** What PostgreSQL has been asked since its start by anybody but this test, from its own log, in its own time. */
async function statements(): Promise<Statement[]> {
  const [row] = await query<{ log: string }>(
    `SELECT pg_read_file(pg_current_logfile('jsonlog')) AS log`,
    [],
    `${postgres.url}?application_name=${OURS}`,
  );
  return (row?.log ?? '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { timestamp: string; message: string; application_name?: string })
    .filter(({ application_name: by }) => by !== OURS)
    .flatMap(({ timestamp, message, application_name: by = '' }) => {
      const [, text] = /^(?:statement|execute [^:]*|fastpath function call): (.*)$/s.exec(message) ?? [];
      return text === undefined ? [] : [{ atMs: Date.parse(timestamp), by, text }];
    });
}

// A while after its boot each process looks once for those who died before anybody could notice.
const looksForTheDead = ({ text }: Statement): boolean =>
  text.includes('resolved_at IS NULL') && !text.includes('outbox');

async function redisCalls(): Promise<Map<string, number>> {
  const stats = (await client.info('commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+)/g);
  return new Map([...stats].map(([, command = '', calls]) => [command, Number(calls)]));
}

describe('invariant 10: idle costs nothing worth naming', () => {
  // Proven: with the chores' TURN_MS 20 s, with one more query every 21 s, with BEAT_EVERY_MS 300, and with the lease's
  // EVERY_MS and the wake line's BLOCK_SECONDS a fifth of what they are.
  it(
    'asks PostgreSQL one question in a minute, whoever asks, and Redis only what belongs to its beats',
    { timeout: 200_000 },
    async () => {
      await world.ended((await world.enqueue('test.noop')).id);
      const atRest = await waitFor(
        'everybody to have looked for the dead',
        async () => {
          const all = await statements();
          return new Set(all.filter(looksForTheDead).map(({ by }) => by)).size === ROLES.length && all.length;
        },
        { everyMs: 500 },
      );

      const fromMs = performance.now();
      const before = await redisCalls();
      let asked = 0; // by us
      const counts = async (): Promise<Map<string, number>> => {
        asked++;
        const now = await redisCalls();
        return new Map([...now].map(([command, calls]) => [command, calls - (before.get(command) ?? 0)]));
      };
      const beats = async (): Promise<number> => (await counts()).get('zadd') ?? 0;
      // The chores' round is what an idle fleet does at all: it must come, and what it brings must show.
      const atRound = await waitFor(
        'a minute of beats and the chores',
        async () => {
          const n = await beats();
          return n >= BEATS_OF_A_MINUTE && (await statements()).length > atRest && n;
        },
        { deadlineMs: 130_000, everyMs: 1_000 },
      );
      await waitFor('what the chores bring', async () => (await beats()) >= atRound + 2 * ROLES.length, {
        everyMs: 500,
      });

      const idle = (await statements()).slice(atRest);
      const tooSoon = idle
        .filter(({ atMs }, i) => atMs - (idle[i - 1]?.atMs ?? -Infinity) < MINUTE_MS)
        .map(({ by, text }) => `${by} asked ${text.slice(0, 100)}`);
      expect(tooSoon, `of ${String(idle.length)} statements`).toEqual([]);

      const calls = await counts();
      const passedMs = performance.now() - fromMs;
      expect(calls.get('info')).toBe(asked);
      calls.delete('info');
      const n = calls.get('zadd') ?? 0;
      expect(n).toBeLessThanOrEqual((ROLES.length * passedMs) / BEAT_MS + EDGE);
      const tooMany = [...calls].filter(
        ([command, k]) => k > (command in PER_BEAT ? (PER_BEAT[command] ?? 0) * n + EDGE : 0),
      );
      expect(tooMany, `for ${String(n)} beats`).toEqual([]);
    },
  );
});
