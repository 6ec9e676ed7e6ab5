import type { Settings } from '../config/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { Drain } from './drain.js';
import { Drainables } from './drainables.js';
import { Shutdown } from './shutdown.js';

/** How this process goes quiet and how it ends. */
export interface Lifecycle {
  readonly drainables: Drainables;
  readonly drain: Drain;
  readonly shutdown: Shutdown;
}

/** Made before Nest by an app that owns its signals: a SIGTERM during the boot must find it. */
export function createLifecycle(settings: Settings, telemetry: Telemetry): Lifecycle {
  const drainables = new Drainables();
  const drain = new Drain(drainables, telemetry);
  return { drainables, drain, shutdown: new Shutdown(drain, drainables, settings, telemetry) };
}
