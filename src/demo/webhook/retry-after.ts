/** No receiver may keep a task away for longer than this. */
const MOST_MS = 3_600_000;

/** ms to wait by a `Retry-After` header: seconds, or a date. Undefined when there is none that makes sense. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MOST_MS);
}
