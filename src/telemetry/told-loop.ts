import { messageOf, WakeableLoop } from '../foundation/index.js';
import type { Telemetry } from './telemetry.js';

/** A `WakeableLoop`, not started yet, whose errors are told as `loop.failed` under this name; it tries again by itself. */
export function toldLoop(
  telemetry: Telemetry,
  loop: string,
  work: (signal: AbortSignal) => Promise<number>,
): WakeableLoop {
  return new WakeableLoop(work, (error) => {
    telemetry.emit('loop.failed', { loop, error: messageOf(error) });
  });
}
