import { backlogRows } from './backlog.js';
import { enqueueRows } from './enqueue.js';
import { httpRow } from './http.js';
import { idleRow } from './idle.js';
import { delayRows, latencyRow, loneRow } from './latency.js';
import { redisBytesRow, workerMemoryRow } from './memory.js';
import { priorityRows } from './priority.js';
import { burstRow, busyRow, endToEndRow, processRows, slowDiskRows } from './process.js';

/** The rows to run: all, the essential ones, or those whose id begins with one of the prefixes (throws if none does). `isDeep` adds a million queued. */
export function rowsOf({ isQuick, isDeep, prefixes }) {
  const depths = isDeep ? [100_000, 1_000_000] : [100_000];
  const rows = [
    ...enqueueRows,
    httpRow,
    ...processRows,
    busyRow,
    endToEndRow,
    burstRow,
    ...slowDiskRows,
    latencyRow,
    loneRow,
    ...delayRows,
    redisBytesRow,
    workerMemoryRow,
    idleRow,
    ...backlogRows(depths),
    ...priorityRows(depths),
  ];
  if (prefixes !== undefined) return beginningWith(prefixes, rows);
  return isQuick ? rows.filter((row) => row.isQuick) : rows;
}

function beginningWith(prefixes, rows) {
  for (const prefix of prefixes) {
    if (prefix === '' || !rows.some((row) => row.id.startsWith(prefix)))
      throw new Error(
        `No row's id begins with "${prefix}". There are: ${rows.map((row) => row.id).join(', ')}.`,
      );
  }
  return rows.filter((row) => prefixes.some((prefix) => row.id.startsWith(prefix)));
}
