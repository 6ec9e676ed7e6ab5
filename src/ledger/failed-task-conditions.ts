import type { FailedTaskFilter, FailedTaskState } from './failed-task-row.js';

/** A filter as SQL over `failed_task f`, and `failed_task_now n` for the state; its parameters begin at `$first`. Pure. */
export function failedTaskConditions(
  filter: FailedTaskFilter,
  first: number,
): { where: string; values: unknown[] } {
  const values: unknown[] = [];
  const parts: string[] = [];
  const add = (value: unknown, sql: (parameter: string) => string): void => {
    if (value === undefined) return;
    values.push(value);
    parts.push(sql(`$${String(first + values.length - 1)}`));
  };
  // The stored state narrows by an index before the derived one is looked at.
  add(filter.state, (state) => `n.state = ${state}${STORED[filter.state ?? 'OPEN']}`);
  add(filter.job, (job) => `f.job = ${job}`);
  add(filter.queue, (queue) => `f.queue = ${queue}`);
  add(filter.key, (key) => `f.key = ${key}`);
  add(filter.fingerprint, (fingerprint) => `f.fingerprint = ${fingerprint}`);
  add(filter.from, (from) => `f.failed_at >= ${from}`);
  add(filter.to, (to) => `f.failed_at <= ${to}`);
  return { where: parts.length === 0 ? 'true' : parts.join(' AND '), values };
}

const STORED: Record<FailedTaskState, string> = {
  OPEN: ` AND (f.state <> 'OPEN') = false`,
  RETRIED: ` AND (f.state <> 'OPEN') = true`,
  RESOLVED: ` AND (f.state <> 'OPEN') = true`,
  DISMISSED: ` AND (f.state <> 'OPEN') = true`,
};
