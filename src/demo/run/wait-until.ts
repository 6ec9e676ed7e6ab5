import { setTimeout as delay } from 'node:timers/promises';

/** Looks every 50 ms until it holds. Throws after `deadlineMs`, naming what it waited for. */
export async function waitUntil(
  what: string,
  holds: () => Promise<boolean> | boolean,
  deadlineMs = 60_000,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`Waited ${String(deadlineMs / 1_000)} s for ${what}`);
    await delay(50);
  }
}
