import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { Undispatched, type WaitingTask } from '../ledger/index.js';
import { ThisProcess } from '../fleet/index.js';
import { Dispatcher } from './dispatcher.js';
import { Entries } from './entries.js';
import { WINDOW_MS } from './entry.js';
import { entryOf } from './entry-of.js';
import { Refill } from './refill.js';

const OLDEST = 100;

/**
 * The oldest waiting rows of each queue, put once more: an entry that Redis has lost alone (evicted, deleted by hand) is seen
 * by nobody else. Those that are there are left as they are. If one of them was missing, others may be: then all are put. If all
 * are there and nothing waits anywhere, the list itself was lost: then all are made anew.
 */
@Injectable()
export class OldestCheck {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly self: ThisProcess,
    private readonly undispatched: Undispatched,
    private readonly entries: Entries,
    private readonly dispatcher: Dispatcher,
    private readonly refill: Refill,
  ) {}

  async run(): Promise<void> {
    for (const queue of await this.undispatched.queues()) {
      const oldest = await this.undispatched.waitingPage(queue, null, OLDEST, WINDOW_MS);
      if (oldest.length === 0) continue;
      const entries = oldest.map((task) => entryOf(task, this.settings.crashLimit));
      const created = await this.dispatcher.putNow(queue, entries);
      if (created > 0) await this.refill.fill(queue, this.self.id);
      else if (await this.isListLost(queue, oldest))
        await this.refill.fill(queue, this.self.id, { anew: true });
    }
  }

  // The lists before `active`: an entry that is fetched in between is seen there.
  private async isListLost(queue: string, waiting: readonly WaitingTask[]): Promise<boolean> {
    if ((await this.entries.waitingCount(queue)) > 0) return false;
    const active = new Set<string>();
    for await (const holders of this.entries.holders(queue, await this.entries.batches(queue)))
      for (const { taskId } of holders) active.add(taskId);
    return waiting.some(({ id }) => !active.has(id));
  }
}
