import { Injectable } from '@nestjs/common';
import { DispatchUnavailableError, RedisClients } from '../redis/index.js';
import { Batches } from './batches.js';
import type { Entry } from './entry.js';
import {
  ACKNOWLEDGE,
  type Argument,
  FETCH,
  GIVE_BACK,
  HOLDERS,
  MARK,
  PUT,
  REMOVE,
  RENEW_LOCKS,
  WAKE,
  type Whereto,
} from './scripts/index.js';

/** A claim's lock lasts this long without renewal; as Bull's, so that its stalled check leaves live entries alone. */
const LOCK_MS = 30_000;
/** Most entries of one script call: more is faster, but raises the p99 of everybody else's commands. */
export const MOST_PER_CALL = 200;
/** So many entries of `active` are read at a time. */
const PAGE = 1_000;
/** Lists longer than this are not searched for an entry to remove. */
const SEARCHABLE_LENGTH = 10_000;

/** An entry in a worker's hands. */
export interface HeldEntry {
  readonly taskId: string;
  readonly claim: string;
  /** False: it came in a batch, and has no lock of its own. */
  readonly isLocked?: boolean;
}

export interface FetchOptions {
  /** Many entries at once may come without locks. Default: they are locked. */
  readonly mayBatch?: boolean;
  /** Names of batches whose starts have been answered: their notes are taken away. */
  readonly answered?: readonly string[];
}

export interface ReturnedEntry extends HeldEntry {
  readonly whereto: Whereto;
  /** Epoch ms, with `later`. */
  readonly dueAt?: number;
}

export interface Fetched {
  /** `unmarked`: the queue was wiped, or never set up. */
  readonly state: 'open' | 'paused' | 'unmarked';
  /** Ms until the next delayed entry is due; null if there is none. */
  readonly dueInMs: number | null;
  /** How many still wait. */
  readonly left: number;
  /** Its entries have no locks; `batchName` is what Redis knows it by. */
  readonly isBatch: boolean;
  /** Flat, four per entry: id, job, payload text, '1' if suspect. */
  readonly fields: readonly string[];
}

export interface Holder {
  readonly taskId: string;
  /** null: its lock has run out, or was never set, and it is in no batch. */
  readonly claim: string | null;
}

/** The entries of all queues in Redis: our scripts with types. Everything may be repeated; all throw `DispatchUnavailableError`. */
@Injectable()
export class Entries {
  constructor(private readonly redis: RedisClients) {}

  /** At most `MOST_PER_CALL`. See scripts/put.ts. */
  async put(queue: string, entries: readonly Entry[]): Promise<{ isMarked: boolean; created: number }> {
    const args: Argument[] = [];
    let first: Entry | undefined;
    let counted = 0;
    for (const entry of entries) {
      if (first === undefined || !isAlike(first, entry)) {
        first = entry;
        const flags = (entry.where === 'head' ? 'hm' : '') + (entry.suspect === true ? 's' : '');
        counted = args.push(entry.job, entry.at, entry.priority ?? 0, entry.dueAt ?? 0, flags, 0) - 1;
      }
      args[counted] = Number(args[counted]) + 1;
      args.push(entry.id, entry.payload);
    }
    const [marked, created] = await PUT.run(this.redis.command, this.base(queue), args);
    return { isMarked: marked === 1, created };
  }

  /** Up to `n` entries for the claims `<processId>:<firstClaim>` and so on. See scripts/fetch.ts. */
  async fetch(
    queue: string,
    n: number,
    processId: string,
    firstClaim: number,
    { mayBatch = false, answered = [] }: FetchOptions = {},
  ): Promise<Fetched> {
    const args = [n, processId, firstClaim, LOCK_MS, MOST_PER_CALL, mayBatch ? 1 : 0, ...answered];
    const reply = await FETCH.run(this.redis.command, this.base(queue), args);
    const [state, dueInMs, left, isBatch, ...fields] = reply;
    return {
      state: state === 1 ? 'open' : state === 0 ? 'paused' : 'unmarked',
      dueInMs: dueInMs < 0 ? null : dueInMs,
      left,
      isBatch: isBatch === 1,
      fields,
    };
  }

  /** Removes entries whose rows are final. See scripts/acknowledge.ts. */
  async acknowledge(queue: string, entries: readonly HeldEntry[]): Promise<number> {
    if (entries.length === 0) return 0;
    const locked: string[] = [];
    const unlocked: string[] = [];
    for (const { taskId, claim, isLocked } of entries) {
      if (isLocked === false) unlocked.push(taskId);
      else locked.push(taskId, claim);
    }
    const args = [locked.length / 2, ...locked, ...unlocked];
    return ACKNOWLEDGE.run(this.redis.command, this.base(queue), args);
  }

  /** `heir`: the process to which the head is left for a moment. Answers the ids that Redis does not hold any more. See scripts/give-back.ts. */
  async giveBack(queue: string, entries: readonly ReturnedEntry[], heir = ''): Promise<string[]> {
    const args: Argument[] = [heir];
    for (const entry of entries) args.push(entry.taskId, entry.claim, entry.whereto, entry.dueAt ?? 0);
    return entries.length === 0 ? [] : GIVE_BACK.run(this.redis.command, this.base(queue), args);
  }

  async remove(queue: string, ids: readonly string[]): Promise<number> {
    return ids.length === 0
      ? 0
      : REMOVE.run(this.redis.command, this.base(queue), [SEARCHABLE_LENGTH, ...ids]);
  }

  /** Who holds the entries of `active`, by a lock of its own or by one of these batches; up to 1,000 at a time, some twice. */
  async *holders(queue: string, batches: Batches): AsyncGenerator<Holder[]> {
    // Counted from the right end, the furthest first: new ones come in on the left, and what leaves moves others into pages to come.
    for (let first = -(await this.activeCount(queue)); first < 0; first += PAGE) {
      const last = Math.min(first + PAGE - 1, -1);
      const reply = await HOLDERS.run(this.redis.command, this.base(queue), [first, last]);
      const holders: Holder[] = [];
      for (let i = 0; i + 1 < reply.length; i += 2) {
        const taskId = reply[i] ?? '';
        holders.push({ taskId, claim: reply[i + 1] || batches.claimOf(taskId) });
      }
      yield holders;
    }
  }

  /** Who was given entries without locks, and has not been heard of since. */
  async batches(queue: string): Promise<Batches> {
    try {
      return new Batches(await this.redis.command.hgetall(this.batchesKey(queue)));
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }

  async forgetBatches(queue: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    try {
      await this.redis.command.hdel(this.batchesKey(queue), ...names);
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }

  /** Answers how many locks stand. */
  async renewLocks(queue: string, entries: readonly HeldEntry[]): Promise<number> {
    const args: Argument[] = [LOCK_MS];
    for (const entry of entries) args.push(entry.taskId, entry.claim);
    return RENEW_LOCKS.run(this.redis.command, this.base(queue), args);
  }

  /** Before a refill: notes in the queue's own hash that it has begun. */
  async noteRefill(queue: string, note: string): Promise<void> {
    try {
      await this.redis.command.hset(`${this.base(queue)}meta`, 'shiftwork-refill', note);
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }

  /** After a refill: sets the marker. False: the queue was wiped again meanwhile. */
  async mark(queue: string, note: string): Promise<boolean> {
    return (await MARK.run(this.redis.command, this.base(queue), [note])) === 1;
  }

  /** Some idle worker looks into the queue. */
  async wake(queue: string): Promise<void> {
    await WAKE.run(this.redis.command, this.base(queue), []);
  }

  /** Entries in the places where entries wait: lists and sets, not hashes. */
  async waitingCount(queue: string): Promise<number> {
    const base = this.base(queue);
    const { command } = this.redis;
    try {
      const counts = await Promise.all([
        command.llen(`${base}wait`),
        command.llen(`${base}paused`),
        command.zcard(`${base}shiftwork-priority`),
        command.zcard(`${base}delayed`),
      ]);
      return counts.reduce((sum, count) => sum + count, 0);
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }

  private async activeCount(queue: string): Promise<number> {
    try {
      return await this.redis.command.llen(`${this.base(queue)}active`);
    } catch (error) {
      throw new DispatchUnavailableError(error);
    }
  }

  private batchesKey(queue: string): string {
    return `${this.base(queue)}shiftwork-batches`;
  }

  private base(queue: string): string {
    return this.redis.keys.queueKey(queue, '');
  }
}

/** Whether the two differ in nothing but id and payload. */
function isAlike(a: Entry, b: Entry): boolean {
  return (
    a.job === b.job &&
    a.at === b.at &&
    a.priority === b.priority &&
    a.dueAt === b.dueAt &&
    a.where === b.where &&
    a.suspect === b.suspect
  );
}
