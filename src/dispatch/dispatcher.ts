import { Injectable } from '@nestjs/common';
import { type Deferred, deferred, asError } from '../foundation/index.js';
import { Entries, MOST_PER_CALL } from './entries.js';
import { type Entry, WINDOW_MS } from './entry.js';
import { Losses } from './losses.js';

/** Most payload characters of one script call: large payloads must not make Redis deaf for others. */
const MOST_TEXT_PER_CALL = 1_000_000;
/**
 * Script calls of one put under way at once. Each must be answered before the command timeout, counted from when it was
 * handed to the connection: of many large ones at once the last would never be.
 */
const CALLS_AT_ONCE = 2;

interface Gathering {
  readonly entries: Entry[];
  readonly done: Deferred<void>;
}

/**
 * Hands tasks to Redis. All puts of one turn of the event loop share one script call per queue (and at most 200 entries, 1 MB of
 * payloads): many callers whose rows were committed together are dispatched together.
 */
@Injectable()
export class Dispatcher {
  private readonly gathering = new Map<string, Gathering>();

  constructor(
    private readonly entries: Entries,
    private readonly losses: Losses,
  ) {}

  /**
   * Upserts entries: missing ⇒ created; waiting ⇒ left; delayed, but due now ⇒ made to wait; active ⇒ left, or moved if it
   * goes to the `head`. Entries due beyond the window are left to the ledger. Resolves when Redis has them all; throws
   * `DispatchUnavailableError` when it is not known to (they may be there all the same: repeat it, or leave it to the relay).
   */
  async put(entries: readonly Entry[]): Promise<void> {
    const dueBefore = Date.now() + WINDOW_MS;
    const waits = new Set<Promise<void>>();
    for (const entry of entries) {
      if (entry.dueAt === null || entry.dueAt <= dueBefore) waits.add(this.gather(entry));
    }
    await Promise.all(waits);
  }

  /** Puts entries of one queue in as many calls as it takes, window or not. Answers how many Redis did not hold. Throws as `put` does. */
  async putNow(queue: string, entries: readonly Entry[]): Promise<number> {
    const batches = batchesOf(entries);
    let created = 0;
    let unmarked = 0;
    const putNext = async (): Promise<void> => {
      for (const batch of batches) {
        const outcome = await this.entries.put(queue, batch);
        created += outcome.created;
        if (!outcome.isMarked) unmarked++;
      }
    };
    await Promise.all(Array.from({ length: CALLS_AT_ONCE }, putNext));
    if (unmarked > 0) this.losses.queueWiped(queue);
    return created;
  }

  /** Removes entries that wait; active ones are left to their workers. */
  async remove(queue: string, ids: readonly string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += MOST_PER_CALL)
      await this.entries.remove(queue, ids.slice(i, i + MOST_PER_CALL));
  }

  private gather(entry: Entry): Promise<void> {
    let gathering = this.gathering.get(entry.queue);
    if (gathering === undefined) {
      gathering = { entries: [], done: deferred() };
      this.gathering.set(entry.queue, gathering);
      setImmediate(() => void this.flush(entry.queue));
    }
    gathering.entries.push(entry);
    return gathering.done.promise;
  }

  private async flush(queue: string): Promise<void> {
    const gathering = this.gathering.get(queue);
    if (gathering === undefined) return;
    this.gathering.delete(queue);
    try {
      await this.putNow(queue, gathering.entries);
      gathering.done.resolve();
    } catch (error) {
      gathering.done.reject(asError(error));
    }
  }
}

// A generator: one call that fails ends it, and none of the others takes the next batch.
function* batchesOf(entries: readonly Entry[]): Generator<Entry[]> {
  let batch: Entry[] = [];
  let text = 0;
  for (const entry of entries) {
    if (batch.length === MOST_PER_CALL || text + entry.payload.length > MOST_TEXT_PER_CALL) {
      if (batch.length > 0) yield batch;
      batch = [];
      text = 0;
    }
    batch.push(entry);
    text += entry.payload.length;
  }
  if (batch.length > 0) yield batch;
}
