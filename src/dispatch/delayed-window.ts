import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { Undispatched } from '../ledger/index.js';
import { RedisClients } from '../redis/index.js';
import { Dispatcher } from './dispatcher.js';
import { WINDOW_MS } from './entry.js';
import { entryOf } from './entry-of.js';

const PAGE = 1_000;
/** The clocks of two processes may differ by this much: what the one thought too far away must not be behind the other's mark. */
const OVERLAP_MS = 60_000;
const LOWEST_ID = '00000000-0000-0000-0000-000000000000';

/**
 * Brings tasks into Redis that become due within the window. How far the window has reached is noted in Redis itself, beside
 * what it stands for: if Redis loses the one it loses the other, and the next pass begins anew.
 */
@Injectable()
export class DelayedWindow {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly redis: RedisClients,
    private readonly undispatched: Undispatched,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Puts what the window has newly reached. Answers how many tasks that were. Throws when a server is away. */
  async advance(): Promise<number> {
    const { command, keys } = this.redis;
    const reached = await command.get(keys.lease('window'));
    const until = new Date(Date.now() + WINDOW_MS);
    let from = new Date(Math.max(reached === null ? 0 : Number(reached), Date.now()) - OVERLAP_MS);
    let afterId = LOWEST_ID;
    let tasks = 0;
    for (;;) {
      const page = await this.undispatched.dueWithin(from, afterId, until, PAGE);
      await this.dispatcher.put(page.map((task) => entryOf(task, this.settings.crashLimit)));
      tasks += page.length;
      const last = page.at(-1);
      if (page.length < PAGE || last?.dueAt == null) break;
      from = last.dueAt;
      afterId = last.id;
    }
    await command.set(keys.lease('window'), until.getTime(), 'PX', WINDOW_MS);
    return tasks;
  }
}
