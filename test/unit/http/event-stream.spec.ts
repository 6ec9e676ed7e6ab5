import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { eventStream } from '../../../src/http/streams/event-stream.js';
import type { TaskEvent } from '../../../src/tasks/index.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => vi.useRealTimers());

async function* nothing(): AsyncGenerator<TaskEvent> {
  // the first event is the last
}

// Proven: without the look at writableEnded the comment comes after the end, which breaks the stream with all that is in it.
it('a client that reads nothing for a while still gets the end of its task', async () => {
  const data = { finishedAt: '2026-11-21T08:00:00.000Z', result: 'x'.repeat(100_000) };
  const last = { id: '7', event: 'status', data } as unknown as TaskEvent; // as far as a stream looks at it
  const stream = eventStream(last, nothing(), new AbortController());
  vi.advanceTimersByTime(60_000);
  expect(await text(stream)).toContain(data.result);
});
