import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../config/index.js';
import { Outbox, Undispatched } from '../ledger/index.js';
import { Dispatcher } from './dispatcher.js';
import { entryOf } from './entry-of.js';

/** Outbox rows of one round: each stands for up to a thousand tasks. */
const ROUND = 10;
/** Rows read and put at once. */
const CHUNK = 1_000;

/** Accepted rows that Redis may never have seen → Redis. */
@Injectable()
export class OutboxRelay {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly outbox: Outbox,
    private readonly undispatched: Undispatched,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Dispatches what is due and answers how many tasks that were. Throws when PostgreSQL or Redis is away. */
  async run(): Promise<number> {
    let tasks = 0;
    for (;;) {
      const reminders = await this.undispatched.reminders(this.outbox.processId, ROUND);
      for (const { taskIds } of reminders) tasks += await this.dispatch(taskIds);
      await this.outbox.remove(reminders.map((reminder) => reminder.id));
      if (reminders.length < ROUND) return tasks;
    }
  }

  /** Puts those of these tasks that wait. Answers how many. */
  async dispatch(ids: readonly string[]): Promise<number> {
    let tasks = 0;
    for (let i = 0; i < ids.length; i += CHUNK) {
      const waiting = await this.undispatched.waitingOf(ids.slice(i, i + CHUNK));
      await this.dispatcher.put(waiting.map((task) => entryOf(task, this.settings.crashLimit)));
      tasks += waiting.length;
    }
    return tasks;
  }
}
