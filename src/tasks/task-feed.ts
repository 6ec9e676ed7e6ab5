import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { RedisClients } from '../redis/index.js';

/** Something that happened to a task, as it travels between processes. Small, and never the truth: the row is. */
export type FeedItem =
  | { readonly kind: 'changed'; readonly id: string }
  | {
      readonly kind: 'progress';
      readonly id: string;
      readonly version: number;
      readonly percent: number;
      readonly message: string | null;
    }
  | {
      readonly kind: 'log';
      readonly id: string;
      readonly at: string;
      readonly level: string;
      readonly message: string;
      readonly execution: number;
    };

/** What a reader of the feed hears: news of its task, or that some may have been missed. */
export type FeedNews = FeedItem | { readonly kind: 'lookAgain' };

/** Said instead of ids while nobody was listening a moment ago: any task may have changed. */
const ANYTHING = '*';
/** While nobody listens it is said no more often than this, ms. */
const UNHEARD_EVERY_MS = 20;

/**
 * One Redis channel on which processes tell each other that tasks have changed. Everything of one turn of the event loop
 * goes out in one message. A process listens only while somebody in it follows a task.
 */
@Injectable()
export class TaskFeed implements OnModuleDestroy {
  private changed: string[] = [];
  private items: FeedItem[] = [];
  private scheduled = false;
  private isHeard = true;
  private readonly readers = new Map<string, Set<(news: FeedNews) => void>>();
  private subscribed: Promise<() => Promise<void>> | undefined;

  constructor(private readonly redis: RedisClients) {}

  /** Tells that the row of this task has changed. Never throws; while Redis is away it is not told. */
  tellChanged(id: string): void {
    this.changed.push(id);
    this.schedule();
  }

  tell(item: FeedItem): void {
    this.items.push(item);
    this.schedule();
  }

  /** Calls `reader` with news of one task, until the answer is called. Resolves when the subscription stands, or Redis is away. */
  async listen(id: string, reader: (news: FeedNews) => void): Promise<() => void> {
    const readers = this.readers.get(id) ?? new Set();
    readers.add(reader);
    this.readers.set(id, readers);
    this.subscribed ??= this.redis.subscriber.subscribe(
      this.channel,
      (text) => {
        this.receive(text);
      },
      () => {
        this.lookAgain();
      },
    );
    await this.subscribed;
    return () => {
      this.leave(id, reader);
    };
  }

  async onModuleDestroy(): Promise<void> {
    const unsubscribe = await this.subscribed;
    await unsubscribe?.();
  }

  private get channel(): string {
    return this.redis.keys.channel('tasks');
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    const publish = (): void => {
      this.scheduled = false;
      this.publish();
    };
    if (this.isHeard) setImmediate(publish);
    else setTimeout(publish, UNHEARD_EVERY_MS);
  }

  private publish(): void {
    const { changed, items } = this;
    this.changed = [];
    this.items = [];
    if (!this.redis.isReady) return;
    void this.send(items.length === 0 ? this.changesText(changed) : JSON.stringify([changed, items]));
  }

  // While nobody listens, ids are a waste: whoever comes meanwhile is told to look at its row.
  private changesText(changed: readonly string[]): string {
    return this.isHeard ? changed.join(',') : ANYTHING;
  }

  private async send(text: string): Promise<void> {
    try {
      this.isHeard = (await this.redis.command.publish(this.channel, text)) > 0;
    } catch {
      this.isHeard = true; // who listens is not known; followers look at the row again by themselves
    }
  }

  // The hot case, nothing but ids, is no JSON.
  private receive(text: string): void {
    if (text === ANYTHING) {
      this.lookAgain();
      return;
    }
    if (!text.startsWith('[')) {
      for (const id of text.split(',')) this.pass({ kind: 'changed', id });
      return;
    }
    const [changed, items] = JSON.parse(text) as [string[], FeedItem[]]; // only `publish` above writes it
    for (const item of items) this.pass(item);
    for (const id of changed) this.pass({ kind: 'changed', id });
  }

  private pass(item: FeedItem): void {
    for (const reader of this.readers.get(item.id) ?? []) reader(item);
  }

  private lookAgain(): void {
    for (const readers of this.readers.values()) for (const reader of readers) reader({ kind: 'lookAgain' });
  }

  private leave(id: string, reader: (news: FeedNews) => void): void {
    const readers = this.readers.get(id);
    readers?.delete(reader);
    if (readers?.size === 0) this.readers.delete(id);
    if (this.readers.size > 0 || this.subscribed === undefined) return;
    const { subscribed } = this;
    this.subscribed = undefined;
    void subscribed.then((unsubscribe) => unsubscribe());
  }
}
