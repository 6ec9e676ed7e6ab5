import { writeSync } from 'node:fs';
import { BLOCKED_NOTICE_MS } from '../times.js';
import type { SpokenRecord } from './messages.js';

interface Blocked {
  readonly record: SpokenRecord;
  /** Blocked at the look before this one, ms. */
  readonly beforeMs: number;
  readonly blockedMs: number;
  /** BLOCKED_LIMIT in ms. */
  readonly limitMs: number;
  readonly silent: boolean;
}

const STDERR = 2;

/**
 * Names a blocked main loop once, and ends the process when it is blocked beyond the limit: a loop in a deadlock would beat
 * from its thread for ever, and its tasks would never end. Written straight to stderr: the logger lives in the blocked loop.
 */
export function tellBlocked({ record, beforeMs, blockedMs, limitMs, silent }: Blocked): void {
  const passed = (ms: number): boolean => beforeMs <= ms && blockedMs > ms;
  if (!silent && passed(BLOCKED_NOTICE_MS)) write(record, blockedMs, 'The main loop is blocked');
  if (blockedMs <= limitMs) return;
  write(
    record,
    blockedMs,
    'The main loop was blocked for longer than BLOCKED_LIMIT; the process ends itself',
  );
  process.kill(process.pid, 'SIGKILL');
}

function write(record: SpokenRecord, blockedMs: number, msg: string): void {
  const line = {
    level: 'error',
    time: new Date().toISOString(),
    role: record.roles.join('+'),
    process: record.id,
    release: record.release,
    event: 'process.loopBlocked',
    blockedMs: Math.round(blockedMs),
    tasks: record.running.map(({ task, job }) => ({ task, job })),
    msg,
  };
  try {
    writeSync(STDERR, `${JSON.stringify(line)}\n`);
  } catch {
    // A full or closed pipe: nobody reads, and what we do next matters more.
  }
}
