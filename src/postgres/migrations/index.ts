import { core } from './0001-core.js';
import { failures } from './0002-failures.js';
import { schedules } from './0003-schedules.js';
import { demo } from './0004-demo.js';
import type { MigrationStep } from './step.js';

export type { MigrationStep } from './step.js';

/** Every step, oldest first. */
export const MIGRATIONS: readonly MigrationStep[] = [core, failures, schedules, demo];
