import { Injectable } from '@nestjs/common';
import { type Deferred, deferred, asError } from '../foundation/index.js';
import { Entries, MOST_PER_CALL } from './entries.js';
import { type Entry, WINDOW_MS } from './entry.js';
import { Losses } from './losses.js';

/** Most payload characters of one script call: large payloads must not make Redis deaf for others. */
const MOST_TEXT_PER_CALL = 1_000_000;

interface Gathering {
  readonly entries: Entry[];
  readonly done: Deferred<void>;
}

/**
 * Hands tasks to Redis. All puts of one turn of the event loop share one script call per queue (and at most 200 entries): many
 * callers whose rows were committed together are dispatched together.
 */
@Injectable()
export class Dispatcher {
  private readonly gathering = new Map<string, Gathering>();

  constructor(
    private readonly entries: Entries,
    private readonly losses: Losses,
  ) {}

  /**
   * Upserts entries: missing ⇒ created, waiting ⇒ left, active ⇒ left, or moved if it goes to the `head`. Entries due beyond
   * the window are left to the ledger. Resolves when Redis has them all; throws `DispatchUnavailableError` when it is not
   * known to (they may be there all the same: repeat it, or leave it to the relay).
   */
  async put(entries: readonly Entry[]): Promise<void> {
    const dueBefore = Date.now() + WINDOW_MS;
    const waits = new Set<Promise<void>>();
    for (const entry of entries) {
      if (entry.dueAt === null || entry.dueAt <= dueBefore) waits.add(this.gather(entry));
    }
    await Promise.all(waits);
  }

  /** Removes entries that wait; active ones are left to their workers. */
  async remove(queue: string, ids: readonly string[]): Promise<void> {
    for (let i = 0; i < ids.length; i += MOST_PER_CALL)
      await this.entries.remove(queue, ids.slice(i, i + MOST_PER_CALL));
  }

  /** Makes a delayed entry wait now. False: Redis does not hold it (due beyond the window, or lost); put it. */
  async promote(queue: string, id: string): Promise<boolean> {
    return this.entries.promote(queue, id);
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
      const outcomes = await Promise.all(
        batchesOf(gathering.entries).map((batch) => this.entries.put(queue, batch)),
      );
      gathering.done.resolve();
      if (outcomes.some(({ isMarked }) => !isMarked)) this.losses.queueWiped(queue);
    } catch (error) {
      gathering.done.reject(asError(error));
    }
  }
}

function batchesOf(entries: readonly Entry[]): Entry[][] {
  const batches: Entry[][] = [];
  let batch: Entry[] = [];
  let text = 0;
  for (const entry of entries) {
    if (batch.length === MOST_PER_CALL || text + entry.payload.length > MOST_TEXT_PER_CALL) {
      if (batch.length > 0) batches.push(batch);
      batch = [];
      text = 0;
    }
    batch.push(entry);
    text += entry.payload.length;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
