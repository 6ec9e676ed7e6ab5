import type { MigrationStep } from './step.js';

/**
 * Schedules and their ticks. `version` comes from a sequence, so that a schedule which was deleted and made again never
 * meets a compare-and-set that was meant for the old one. `anchor_at` is where the rule begins: nothing before it is due,
 * and intervals count from it. `last_due_at` only ever grows, also over a change of the rule: it keeps (schedule, due_at)
 * free of collisions.
 */
export const schedules: MigrationStep = {
  name: '0003-schedules',
  up: `
    CREATE SEQUENCE shiftwork.schedule_version;
    CREATE TABLE shiftwork.schedule (
      name text PRIMARY KEY,
      kind text NOT NULL DEFAULT 'task',
      job text NOT NULL,
      payload json NOT NULL,
      options jsonb NOT NULL DEFAULT '{}',
      cron text,
      every_ms bigint,
      at timestamptz,
      time_zone text NOT NULL,
      misfire text NOT NULL,
      misfire_limit integer NOT NULL,
      misfire_grace_ms bigint NOT NULL,
      overlap text NOT NULL,
      enabled boolean NOT NULL,
      disabled_by text,
      disabled_at timestamptz,
      source text NOT NULL,
      declaration text,
      deleted_at timestamptz,
      version bigint NOT NULL DEFAULT nextval('shiftwork.schedule_version'),
      anchor_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', now()),
      last_due_at timestamptz,
      last_run_task uuid,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CHECK (num_nonnulls(cron, every_ms, at) = 1)
    ) WITH (fillfactor = 70);
    CREATE TABLE shiftwork.schedule_tick (
      schedule text NOT NULL REFERENCES shiftwork.schedule ON DELETE CASCADE,
      due_at timestamptz NOT NULL,
      until timestamptz,
      count bigint NOT NULL DEFAULT 1,
      outcome text NOT NULL,
      task_id uuid,
      late_by_ms bigint NOT NULL,
      reason text,
      PRIMARY KEY (schedule, due_at)
    );
    CREATE INDEX schedule_tick_due ON shiftwork.schedule_tick (due_at);
  `,
};
