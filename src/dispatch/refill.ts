import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { newId } from '../foundation/index.js';
import { QueueStates, Undispatched } from '../ledger/index.js';
import { DispatchUnavailableError, RedisClients } from '../redis/index.js';
import { Telemetry } from '../telemetry/index.js';
import { Dispatcher } from './dispatcher.js';
import { Entries } from './entries.js';
import { WINDOW_MS } from './entry.js';
import { entryOf } from './entry-of.js';
import { QueueControl } from './queue-control.js';

/** Rows of one page: one script call, some milliseconds of PostgreSQL, and 50 MB if every payload is as large as it may be. */
const PAGE = 200;
/** Whoever repairs a queue holds this lease; renewed with every page. */
const LEASE_MS = 15_000;

/**
 * Fills a queue of Redis from the ledger: the pause first (a wiped queue is not paused, and must not run what a person has
 * stopped), then every waiting row, then the marker. Until the marker stands nobody fetches. Rows that are STARTED are not
 * put: their executions go on, and what was fetched ahead is refused or accepted by START itself.
 *
 * A new queue in an empty Redis goes the same way: there is nothing to put, and it takes a millisecond.
 */
@Injectable()
export class Refill {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisClients,
    private readonly entries: Entries,
    private readonly undispatched: Undispatched,
    private readonly states: QueueStates,
    private readonly control: QueueControl,
    private readonly dispatcher: Dispatcher,
    private readonly telemetry: Telemetry,
  ) {}

  /** Repairs the queue if its marker is missing. False: look again (somebody else is at it, or it was wiped once more). Throws when a server is away. */
  async repair(queue: string, processId: string): Promise<boolean> {
    if (await this.isMarked(queue)) return true;
    if (!(await this.lease(queue, processId, 'NX'))) return false;
    const note = newId();
    await this.entries.noteRefill(queue, note);
    await this.restorePauses([queue]);
    const tasks = await this.fill(queue, processId);
    const isMarked = await this.entries.mark(queue, note);
    await this.ask(() => this.redis.command.del(this.redis.keys.lease(`refill:${queue}`)));
    if (tasks > 0) this.telemetry.emit('dispatch.refilled', { queue, tasks });
    return isMarked;
  }

  /** Makes Redis agree with the ledger about who is paused. Before anything is put: what is put may be fetched at once. */
  async restorePauses(queues: readonly string[]): Promise<void> {
    const states = await this.states.all();
    await this.control.restore(states.filter(({ queue }) => queues.includes(queue)));
  }

  /**
   * Puts every waiting row of the queue that Redis does not hold. Answers how many were looked at. `anew`: what seems to be there
   * is in no list, and is removed first.
   */
  async fill(queue: string, processId: string, { anew = false } = {}): Promise<number> {
    let tasks = 0;
    for (let after: string | null = null; ;) {
      const page = await this.undispatched.waitingPage(queue, after, PAGE, WINDOW_MS);
      if (anew)
        await this.dispatcher.remove(
          queue,
          page.map(({ id }) => id),
        );
      await this.dispatcher.put(page.map((task) => entryOf(task, this.settings.crashLimit)));
      tasks += page.length;
      after = page.at(-1)?.id ?? null;
      if (page.length < PAGE) return tasks;
      await this.lease(queue, processId, 'XX');
    }
  }

  private isMarked(queue: string): Promise<boolean> {
    return this.ask(
      async () => (await this.redis.command.hexists(this.key(queue, 'meta'), 'shiftwork')) === 1,
    );
  }

  private lease(queue: string, processId: string, when: 'NX' | 'XX'): Promise<boolean> {
    const { command, keys } = this.redis;
    const key = keys.lease(`refill:${queue}`);
    return this.ask(async () => {
      const taken =
        when === 'NX'
          ? command.set(key, processId, 'PX', LEASE_MS, 'NX')
          : command.set(key, processId, 'PX', LEASE_MS, 'XX');
      return (await taken) !== null;
    });
  }

  private key(queue: string, type: string): string {
    return this.redis.keys.queueKey(queue, type);
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw error instanceof DispatchUnavailableError ? error : new DispatchUnavailableError(error);
    }
  }
}
