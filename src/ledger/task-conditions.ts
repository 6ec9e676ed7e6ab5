import type { TaskStatus } from './task-status.js';

/** Which tasks. All conditions must hold; none: every task. */
export interface TaskFilter {
  readonly job?: string | undefined;
  readonly queue?: string | undefined;
  readonly key?: string | undefined;
  readonly status?: TaskStatus | undefined;
  /** Accepted at or after. */
  readonly from?: Date | undefined;
  /** Accepted before. */
  readonly to?: Date | undefined;
  /** An id prefix, or an idempotency key. */
  readonly q?: string | undefined;
}

/** The filter as conditions on `shiftwork.task_now n`, with its values numbered from `first`. */
export function conditions(filter: TaskFilter, first: number): { where: string; values: unknown[] } {
  const parts: string[] = [];
  const values: unknown[] = [];
  const add = (text: (place: string) => string, value: unknown): void => {
    parts.push(text(`$${String(first + values.length)}`));
    values.push(value);
  };
  if (filter.job !== undefined) add((place) => `n.job = ${place}`, filter.job);
  if (filter.queue !== undefined) add((place) => `n.queue = ${place}`, filter.queue);
  if (filter.key !== undefined) add((place) => `n.key = ${place}`, filter.key);
  if (filter.status !== undefined) add((place) => `n.status = ${place}`, filter.status);
  if (filter.from !== undefined) add((place) => `n.created_at >= ${place}`, filter.from.toISOString());
  if (filter.to !== undefined) add((place) => `n.created_at < ${place}`, filter.to.toISOString());
  if (filter.q !== undefined) {
    const range = idRange(filter.q);
    const key = `$${String(first + values.length)}`;
    values.push(filter.q);
    if (range === null) parts.push(`n.idempotency_key = ${key}`);
    else {
      const low = `$${String(first + values.length)}`;
      const high = `$${String(first + values.length + 1)}`;
      values.push(range.low, range.high);
      parts.push(`(n.idempotency_key = ${key} OR n.id BETWEEN ${low}::uuid AND ${high}::uuid)`);
    }
  }
  return { where: parts.length === 0 ? 'true' : parts.join(' AND '), values };
}

// An id prefix as a range, so that the primary key answers it.
function idRange(prefix: string): { low: string; high: string } | null {
  const digits = prefix.toLowerCase().replaceAll('-', '');
  if (!/^[0-9a-f]{1,32}$/.test(digits)) return null;
  return { low: dashed(digits.padEnd(32, '0')), high: dashed(digits.padEnd(32, 'f')) };
}

function dashed(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
