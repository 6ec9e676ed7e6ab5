/** One second, minute, hour, day in milliseconds. */
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Ten years, the longest that a task may wait: beyond it Bull's delayed score loses precision, and nobody means it. */
export const MOST_DELAY_MS = 3_653 * DAY;

// An offset is obligatory: an instant without one means something else on every server.
const INSTANT = /^(\d{4}-\d\d)-(\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i;
/** PostgreSQL knows no year 0, and a year of five digits is written in a way that it does not read. */
const YEARS = /^(?!0000)\d{4}-/;

/** The instant that an ISO 8601 text with an offset stands for; null if it is none, or none that the ledger can keep. */
export function instantOf(text: string): Date | null {
  const [, month, day] = INSTANT.exec(text) ?? [];
  if (month === undefined) return null;
  // JavaScript takes the 30th of February for the 2nd of March.
  const isDay = new Date(`${month}-${String(day)}T00:00:00Z`).getUTCDate() === Number(day);
  const at = new Date(text);
  return isDay && !Number.isNaN(at.getTime()) && YEARS.test(at.toISOString()) ? at : null;
}

/** Monotonic milliseconds: never jumps with the wall clock. Only differences mean anything. */
export function monotonicMs(): number {
  return performance.now();
}

/** Waits `ms`, or until the signal aborts, whichever comes first. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, MAX_TIMER_MS));
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Node fires a timer above 2^31-1 ms at once; whoever sleeps longer looks again after this long. */
export const MAX_TIMER_MS = 2_147_483_647;

/**
 * Settles as `work` does, or rejects with `onTimeout()` after `ms`. The work itself goes on: only the wait ends.
 */
export async function withTimeout<T>(work: Promise<T>, ms: number, onTimeout: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(onTimeout());
    }, ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Settles as `work` does, or resolves after `ms`. The work itself goes on: only the wait ends, and leaves no timer behind. */
export async function inTime(work: Promise<unknown>, ms: number): Promise<void> {
  const settled = new AbortController();
  await Promise.race([work, pause(ms, settled.signal)]).finally(() => {
    settled.abort();
  });
}
