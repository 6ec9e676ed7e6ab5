import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { asError, SECOND } from '../../foundation/index.js';
import type { TaskEvent } from '../../tasks/index.js';

const RETRY_MS = 2 * SECOND;
const KEEP_ALIVE_MS = 15 * SECOND;

/**
 * Server-sent events of one task, as bytes: `retry` first, then the events, and a comment each 15 s so that no router
 * takes the silence for death. Ends after the final status, and when `stop` is aborted; a connection that closes aborts it.
 */
export function eventStream(
  first: TaskEvent,
  rest: AsyncIterable<TaskEvent>,
  stop: AbortController,
): Readable {
  const stream = new PassThrough();
  const keepAlive = setInterval(() => {
    // What has ended may still wait to be read, for as long as the client likes.
    if (!stream.writableEnded && !stream.writableNeedDrain) stream.write(': keep-alive\n\n');
  }, KEEP_ALIVE_MS);
  stop.signal.addEventListener('abort', () => stream.end(), { once: true });
  stream.once('close', () => {
    clearInterval(keepAlive);
    stop.abort();
  });
  stream.once('finish', () => {
    clearInterval(keepAlive);
  });
  pump(stream, first, rest, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) stream.destroy(asError(error)); // cut off: the client comes back with its last event id
  });
  return stream;
}

async function pump(
  stream: PassThrough,
  first: TaskEvent,
  rest: AsyncIterable<TaskEvent>,
  stop: AbortSignal,
): Promise<void> {
  stream.write(`retry: ${RETRY_MS}\n\n${textOf(first)}`);
  if (!isLast(first)) {
    for await (const event of rest) {
      if (stop.aborted) return;
      // A client that reads slowly is waited for; what happens meanwhile is told by the next status.
      if (!stream.write(textOf(event))) await once(stream, 'drain', { signal: stop });
    }
  }
  stream.end();
}

/** Whether nothing comes after this event. */
export function isLast(event: TaskEvent): boolean {
  return event.event === 'status' && event.data.finishedAt !== null;
}

// JSON.stringify writes no line breaks, so one data line holds it.
function textOf({ id, event, data }: TaskEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
