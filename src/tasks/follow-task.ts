import { Injectable } from '@nestjs/common';
import { deferred, monotonicMs, pause, SECOND } from '../foundation/index.js';
import { ReadTasks, TaskNotFoundError, isFinal, type TaskRow } from '../ledger/index.js';
import { TaskFeed, type FeedNews } from './task-feed.js';
import { TaskViews, type TaskView } from './task-view.js';

/** One event of a followed task. `id` is the version of its row: events come in its order, and none is sent twice. */
export type TaskEvent =
  | { readonly id: string; readonly event: 'status'; readonly data: TaskView }
  | {
      readonly id: string;
      readonly event: 'progress';
      readonly data: { readonly percent: number; readonly message: string | null };
    }
  | {
      readonly id: string;
      readonly event: 'log';
      readonly data: {
        readonly at: string;
        readonly level: string;
        readonly message: string;
        readonly execution: number;
      };
    };

/** The row is read this often even when nobody says anything: a lost message must not leave a follower waiting for ever. */
const LOOK_EVERY_MS = 15 * SECOND;

/** Most news kept for a follower who reads slowly. Beyond that the oldest are dropped: the row says what mattered of them. */
const MOST_NEWS = 1_000;

/** The state of a task now, and then what becomes of it. */
@Injectable()
export class FollowTask {
  constructor(
    private readonly reads: ReadTasks,
    private readonly feed: TaskFeed,
    private readonly views: TaskViews,
  ) {}

  /**
   * Yields the present state first, then changes, progress and log lines, and ends after the final status or when the
   * signal aborts. States may be skipped, the final one never. Throws `TaskNotFoundError` before anything is yielded.
   */
  async *follow(id: string, signal?: AbortSignal): AsyncGenerator<TaskEvent, void, undefined> {
    const inbox: FeedNews[] = [];
    let wake = deferred();
    // Listen before reading: what happens in between is then heard (PROTOCOL interleaving 30).
    const leave = await this.feed.listen(id, (news) => {
      if (inbox.push(news) > MOST_NEWS) inbox.splice(0, 2, { kind: 'lookAgain' });
      wake.resolve();
    });
    try {
      let last = await this.reads.byId(id);
      if (last === null) throw new TaskNotFoundError(id);
      const present = await this.statusOf(last);
      if (isFinal(last.status)) leave(); // after the final state the reader may never ask for more, and `finally` would not run
      yield present;
      let told = present.id;
      let lookAt = monotonicMs() + LOOK_EVERY_MS;
      while (!isFinal(last.status) && signal?.aborted !== true) {
        if (inbox.length === 0) await waitFor(wake.promise, lookAt - monotonicMs(), signal);
        wake = deferred();
        const news = inbox.splice(0);
        for (const each of news) {
          const event = eventOf(each, last, told);
          if (event === null) continue;
          if (event.event === 'progress') last = withProgress(last, event);
          told = event.id;
          yield event;
        }
        if (news.length > 0 && !news.some((each) => each.kind === 'changed' || each.kind === 'lookAgain'))
          continue;
        const now = await this.reads.byId(id);
        lookAt = monotonicMs() + LOOK_EVERY_MS;
        if (now === null) return; // pruned while we looked
        // Not only a greater one: what PostgreSQL lost in a crash leads to the same numbers again.
        if (now.version !== last.version || now.status !== last.status) {
          yield* this.changes(last, now);
          told = String(now.version);
        }
        last = now;
      }
    } finally {
      leave();
    }
  }

  /** The task once it has ended, or as it is after `ms`, or when the signal aborts. Throws `TaskNotFoundError`. */
  async untilEnd(id: string, ms: number, signal?: AbortSignal): Promise<TaskRow> {
    const stop = AbortSignal.any([
      AbortSignal.timeout(Math.max(1, ms)),
      ...(signal === undefined ? [] : [signal]),
    ]);
    for await (const event of this.follow(id, stop)) {
      if (event.event === 'status' && isFinal(event.data.status)) break;
    }
    const row = await this.reads.byId(id);
    if (row === null) throw new TaskNotFoundError(id);
    return row;
  }

  private async statusOf(row: TaskRow): Promise<TaskEvent> {
    return { id: String(row.version), event: 'status', data: await this.views.one(row) };
  }

  private async *changes(before: TaskRow, now: TaskRow): AsyncGenerator<TaskEvent> {
    const moved =
      now.status !== before.status ||
      now.execution !== before.execution ||
      now.attemptsMade !== before.attemptsMade;
    if (moved) yield await this.statusOf(now);
    else if (
      now.progressPercent !== before.progressPercent ||
      now.progressMessage !== before.progressMessage
    ) {
      yield {
        id: String(now.version),
        event: 'progress',
        data: { percent: now.progressPercent, message: now.progressMessage },
      };
    }
  }
}

/** What is told of a piece of news; null: nothing, because it is older than the row that was told. A line has no version: `told`. */
function eventOf(news: FeedNews, row: TaskRow, told: string): TaskEvent | null {
  if (news.kind === 'progress' && news.version >= row.version) {
    const { version, percent, message } = news;
    return { id: String(version), event: 'progress', data: { percent, message } };
  }
  if (news.kind === 'log') {
    const { at, level, message, execution } = news;
    return { id: told, event: 'log', data: { at, level, message, execution } };
  }
  return null;
}

// The version stays that of the row: news may tell of one that is never written, because a job keeps its row locked.
function withProgress(row: TaskRow, { data }: TaskEvent & { event: 'progress' }): TaskRow {
  return { ...row, progressPercent: data.percent, progressMessage: data.message };
}

// Not by `AbortSignal.any`: the older of the signals that it joins would keep a reference for each wait, as long as it lives.
async function waitFor(news: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const stop = new AbortController();
  const end = (): void => {
    stop.abort();
  };
  signal?.addEventListener('abort', end, { once: true });
  try {
    await Promise.race([news, pause(Math.max(0, ms), stop.signal)]);
  } finally {
    end();
    signal?.removeEventListener('abort', end);
  }
}
