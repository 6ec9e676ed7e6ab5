import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Give up after this long. */
  deadlineMs?: number;
  /** Look this often. */
  everyMs?: number;
}

/**
 * Looks at the world until `condition` gives something truthy, and returns that. Fails after the deadline with what it saw
 * last (a value, or the error that the look ended with). There is no sleep in these tests: wait for what you need.
 */
export async function waitFor<T>(
  describe: string,
  condition: () => Promise<T> | T,
  { deadlineMs = 45_000, everyMs = 50 }: WaitOptions = {},
): Promise<NonNullable<Exclude<T, false | '' | 0>>> {
  const end = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const seen = await condition();
      if (seen) return seen as NonNullable<Exclude<T, false | '' | 0>>; // truthy, which the type cannot say of T
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end)
      throw new Error(`Waited ${String(deadlineMs)} ms for ${describe}; last seen: ${text(last)}`);
    await delay(everyMs);
  }
}

/** Fails when the promise is not settled in time; the promise itself goes on. */
export async function within<T>(describe: string, promise: Promise<T>, deadlineMs = 45_000): Promise<T> {
  const timeout = new AbortController();
  const late = delay(deadlineMs, undefined, { signal: timeout.signal }).then(() => {
    throw new Error(`${describe} did not happen within ${String(deadlineMs)} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timeout.abort();
    late.catch(() => undefined); // aborted: nobody waits for it any more
  }
}

function text(value: unknown): string {
  if (value instanceof Error) return value.message;
  try {
    return value === undefined ? 'undefined' : JSON.stringify(value);
  } catch {
    return String(value); // circular
  }
}
