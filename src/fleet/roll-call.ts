import { Injectable } from '@nestjs/common';
import { monotonicMs, SECOND } from '../foundation/index.js';
import { Postgres } from '../postgres/index.js';
import { DispatchUnavailableError, RedisClients } from '../redis/index.js';
import type { ProcessRecord } from './process-record.js';
import { ROLL } from './scripts.js';
import { BLACKOUT_AFTER_MS, DEAD_AFTER_MS } from './times.js';

/** The roll is read at most this often for questions that may be a moment old, ms. */
const CACHE_MS = SECOND;

/** A process that the ledger knows and that has neither left nor been rescued to the end. */
export interface KnownProcess {
  readonly id: string;
  readonly roles: readonly string[];
  readonly host: string;
  readonly pid: number;
  readonly release: string;
  readonly bootedAt: Date;
}

/** Who is alive now. Everything here throws `DispatchUnavailableError` while Redis is away: then nobody knows. */
@Injectable()
export class RollCall {
  private cached: { readonly atMs: number; readonly roll: Promise<readonly ProcessRecord[]> } | undefined;

  constructor(
    private readonly redis: RedisClients,
    private readonly postgres: Postgres,
  ) {}

  /** Every process that beat within the last 6 s, oldest first; at most a second old. */
  live(): Promise<readonly ProcessRecord[]> {
    const now = monotonicMs();
    if (this.cached === undefined || now - this.cached.atMs > CACHE_MS)
      this.cached = { atMs: now, roll: this.fresh() };
    const { roll } = this.cached;
    roll.catch(() => {
      this.cached = undefined;
    }); // a failure is not worth keeping
    return roll;
  }

  /** The same, asked anew. */
  async fresh(): Promise<readonly ProcessRecord[]> {
    return (await this.ask()).beats
      .flatMap(({ record }) => (record === null ? [] : [record]))
      .sort((a, b) => (a.bootedAt < b.bootedAt ? -1 : 1));
  }

  /**
   * Ids of all that live, asked anew: whoever is not among them is dead. Null while nobody can say so: Redis is in a blackout, or
   * was wiped and not everybody has beaten again.
   */
  async alive(): Promise<ReadonlySet<string> | null> {
    const { beats, provesDeath } = await this.ask();
    return provesDeath ? new Set(beats.map(({ id }) => id)) : null;
  }

  /** Live workers that serve a queue. Never 0 of a roll that is old: one may have joined since. */
  async workersOf(queue: string): Promise<number> {
    return (await this.queuesServed()).get(queue) ?? served(await this.fresh()).get(queue) ?? 0;
  }

  /** Queue → live workers that serve it. */
  async queuesServed(): Promise<ReadonlyMap<string, number>> {
    return served(await this.live());
  }

  /** The worker of this queue that booted last and has a free slot, but for `except`; as of a second ago at most. */
  async youngestFree(queue: string, except: string): Promise<string | null> {
    const free = (await this.live()).filter(
      ({ id, roles, state, concurrency, running }) =>
        id !== except &&
        roles.includes('worker') &&
        state === 'running' &&
        running.filter((task) => task.queue === queue).length < (concurrency[queue] ?? 0),
    );
    return free.at(-1)?.id ?? null;
  }

  /** Whether some live process can run the job. */
  async knows(job: string): Promise<boolean> {
    return (await this.live()).some(({ roles, jobs }) => roles.includes('worker') && jobs.includes(job));
  }

  /**
   * A fresh roll for whoever must not miss anybody: those who beat, and those whom the ledger knows but who are silent
   * (cut off, frozen, or dead and not yet rescued). A silent process may be running something.
   */
  async roll(): Promise<{
    readonly live: readonly ProcessRecord[];
    readonly silent: readonly KnownProcess[];
  }> {
    // The ledger first: a process that boots in between is then found in one of the two, one that leaves in neither.
    const known = await this.postgres.query<KnownProcess>(KNOWN);
    const live = await this.fresh();
    const alive = new Set(live.map(({ id }) => id));
    return { live, silent: known.filter(({ id }) => !alive.has(id)) };
  }

  private async ask(): Promise<{ readonly beats: Beat[]; readonly provesDeath: boolean }> {
    const { keys, command } = this.redis;
    const asked = [keys.beats, keys.blackout, DEAD_AFTER_MS, keys.process(''), BLACKOUT_AFTER_MS] as const;
    try {
      const [, flat, proves] = (await command.eval(ROLL, 2, ...asked)) as [string, string[], number]; // what ROLL returns
      return { beats: beatsOf(flat), provesDeath: proves === 1 };
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }

  /** Takes processes off the roll that have been rescued to the end. */
  async forget(ids: readonly string[]): Promise<void> {
    const { keys, command } = this.redis;
    if (ids.length > 0)
      await command
        .multi()
        .zrem(keys.beats, ...ids)
        .del(...ids.map((id) => keys.process(id)))
        .exec();
  }

  /** Whether a process said before its end that the ledger was away, so that its tasks were interrupted and did not crash it. */
  async saidLeft(id: string): Promise<boolean> {
    return (await this.redis.command.exists(this.redis.keys.left(id))) === 1;
  }

  /** Says so for an identity that we gave up: we did not crash. */
  async sayLeft(id: string): Promise<void> {
    await this.redis.command.set(this.redis.keys.left(id), '1', 'PX', LEFT_TTL_MS);
  }
}

const LEFT_TTL_MS = 24 * 60 * 60 * SECOND;

const KNOWN = {
  name: 'roll-known',
  text: `SELECT id, roles, host, pid, release, booted_at AS "bootedAt" FROM shiftwork.process
          WHERE resolved_at IS NULL AND left_at IS NULL ORDER BY booted_at`,
};

function served(roll: readonly ProcessRecord[]): ReadonlyMap<string, number> {
  const workers = new Map<string, number>();
  for (const { queues } of roll.filter(({ roles }) => roles.includes('worker')))
    for (const queue of queues) workers.set(queue, (workers.get(queue) ?? 0) + 1);
  return workers;
}

interface Beat {
  readonly id: string;
  /** null: Redis has evicted it. */
  readonly record: ProcessRecord | null;
}

function beatsOf(flat: readonly string[]): Beat[] {
  const beats: Beat[] = [];
  for (let i = 0; i + 2 < flat.length; i += 3) {
    const [id = '', at = '0', text = ''] = flat.slice(i, i + 3);
    const record = text === '' ? null : (JSON.parse(text) as ProcessRecord); // only our own beat writes it
    beats.push({ id, record: record && { ...record, heartbeatAt: new Date(Number(at)).toISOString() } });
  }
  return beats;
}
