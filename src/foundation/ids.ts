import { randomUUID } from 'node:crypto';

/** Ids of one millisecond are numbered, as far as 12 bits go. */
const MOST_OF_A_MS = 0xfff;

let lastMs = 0;
let count = 0;
let timePart = '';

/**
 * A UUIDv7, lower case: sorts by the time it was made, within one process in the very order, so that new rows land at the
 * end of their index. 62 of its bits are random. (The random half comes from `randomUUID`, which keeps a store of random
 * bytes: asking the system for each id costs more than the rest of an enqueue's bookkeeping.)
 */
export function newId(): string {
  const now = Date.now();
  if (now > lastMs) begin(now);
  else if (count === MOST_OF_A_MS)
    begin(lastMs + 1); // a few ids of the future, rather than out of order
  else count++;
  return `${timePart}${count.toString(16).padStart(3, '0')}-${randomUUID().slice(19)}`;
}

function begin(ms: number): void {
  lastMs = ms;
  count = 0;
  const hex = ms.toString(16).padStart(12, '0');
  timePart = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is an id as we write them. */
export function isId(text: string): boolean {
  return UUID.test(text);
}
