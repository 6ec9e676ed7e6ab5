import { describe, expect, it } from 'vitest';
import { QueueWatch } from '../../../src/dispatch/queue-watch.js';
import type { Fetched } from '../../../src/dispatch/entries.js';

const found = (part: Partial<Fetched> = {}): Fetched => ({
  state: 'open',
  dueInMs: null,
  left: 0,
  isBatch: false,
  fields: [],
  ...part,
});

function open(): { watch: QueueWatch; heard: () => number } {
  let heard = 0;
  const watch = new QueueWatch('mail', { wait: () => undefined, close: () => undefined }, () => {
    heard++;
  });
  return { watch, heard: () => heard };
}

describe('whether a queue is worth a look', () => {
  it('it is at first, and no more once it was found empty, paused or wiped', () => {
    for (const empty of [found(), found({ state: 'paused', left: 3 }), found({ state: 'unmarked' })]) {
      const { watch } = open();
      expect(watch.isWorthALook).toBe(true);
      watch.noteFetched(empty, 10, watch.calls);
      expect(watch.isWorthALook).toBe(false);
    }
  });

  it('it still is when something was left, and when a fetch only looked', () => {
    const { watch } = open();
    watch.noteFetched(found({ left: 1 }), 10, watch.calls);
    watch.noteFetched(found(), 0, watch.calls);
    expect(watch.isWorthALook).toBe(true);
  });

  it('it is again after a token or a reconnection', () => {
    const { watch, heard } = open();
    for (const why of ['token', 'connected'] as const) {
      watch.noteFetched(found(), 10, watch.calls);
      watch.noteWake(why);
      expect(watch.isWorthALook).toBe(true);
    }
    expect(heard()).toBe(2);
  });

  it('a reply that left Redis before the wake does not deny it', () => {
    const { watch } = open();
    const { calls } = watch;
    watch.noteWake('token');
    watch.noteFetched(found(), 10, calls);
    expect(watch.isWorthALook).toBe(true); // Proven: without the comparison of calls the wake is lost for minutes.
  });

  it('an idle worker looks again only after ten empty reads, that is after five minutes', () => {
    const { watch, heard } = open();
    watch.noteFetched(found(), 10, watch.calls);
    for (let i = 0; i < 9; i++) watch.noteWake('empty');
    expect([watch.isWorthALook, heard()]).toEqual([false, 9]);
    watch.noteWake('empty');
    expect(watch.isWorthALook).toBe(true);
  });
});
