import type { MigrationStep } from './step.js';

/**
 * The ledger. Why three tables for one task:
 *
 * `task` is what was asked for: wide, written once, never updated. `live` is narrow and holds everything that changes
 * until the end (claims, starts, retries, progress); its row is deleted in the statement that ends the task, which
 * writes what became of it into `ended`. So no wide row is ever copied, "everything that has not ended" is a small
 * table however large the history grows, no index names the status, which keeps every start a heap-only update, and an end
 * costs one narrow row. (Ending a task by an UPDATE of its wide row cost twice as much, most of it in index entries.)
 * `fillfactor` leaves room in each page of `live` for the started version of every row in it.
 */
export const core: MigrationStep = {
  name: '0001-core',
  up: `
    CREATE TABLE shiftwork.task (
      id uuid PRIMARY KEY,
      job text NOT NULL,
      queue text NOT NULL,
      payload json NOT NULL,
      priority smallint,
      key text,
      idempotency_key text,
      request_hash text,
      attempts_max integer NOT NULL,
      timeout_ms integer,
      backoff jsonb NOT NULL,
      on_worker_lost text NOT NULL,
      run_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      retry_of uuid
    );
    CREATE INDEX task_job ON shiftwork.task (job, id);
    CREATE INDEX task_key ON shiftwork.task (key, id) WHERE key IS NOT NULL;
    CREATE UNIQUE INDEX task_idempotency ON shiftwork.task (job, idempotency_key) WHERE idempotency_key IS NOT NULL;
    CREATE UNIQUE INDEX task_retry_of ON shiftwork.task (retry_of) WHERE retry_of IS NOT NULL;

    CREATE TABLE shiftwork.live (
      id uuid PRIMARY KEY,
      queue text NOT NULL,
      job text NOT NULL,
      status text NOT NULL,
      due_at timestamptz,
      ready_at timestamptz NOT NULL,
      priority smallint,
      execution integer NOT NULL DEFAULT 0,
      claim text,
      worker uuid,
      started_at timestamptz,
      cancel_requested_at timestamptz,
      attempts_max integer NOT NULL,
      timeout_ms integer,
      attempts_made integer NOT NULL DEFAULT 0,
      interruptions integer NOT NULL DEFAULT 0,
      crashes integer NOT NULL DEFAULT 0,
      crashed_at timestamptz,
      progress_percent real NOT NULL DEFAULT 0,
      progress_message text,
      checkpoint jsonb,
      checkpoint_at timestamptz,
      error jsonb,
      parked text,
      version bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 35, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
    CREATE INDEX live_queue ON shiftwork.live (queue, id);
    CREATE INDEX live_due ON shiftwork.live (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX live_parked ON shiftwork.live (parked) WHERE parked IS NOT NULL;

    CREATE TABLE shiftwork.ended (
      id uuid PRIMARY KEY,
      status text NOT NULL,
      execution integer NOT NULL,
      attempts_made integer NOT NULL,
      interruptions integer NOT NULL,
      crashes integer NOT NULL,
      version bigint NOT NULL,
      started_at timestamptz,
      finished_at timestamptz NOT NULL DEFAULT now(),
      worker uuid,
      claim text,
      progress_percent real NOT NULL,
      progress_message text,
      checkpoint jsonb,
      result jsonb,
      error jsonb
    );
    CREATE INDEX ended_badly ON shiftwork.ended (status, id) WHERE status <> 'FINISHED';

    CREATE TABLE shiftwork.execution (
      task_id uuid NOT NULL,
      number integer NOT NULL,
      outcome text NOT NULL,
      worker uuid,
      release text,
      started_at timestamptz,
      ended_at timestamptz NOT NULL,
      error jsonb,
      PRIMARY KEY (task_id, number)
    );

    CREATE TABLE shiftwork.task_log (
      task_id uuid NOT NULL,
      seq bigint GENERATED ALWAYS AS IDENTITY,
      at timestamptz NOT NULL,
      level text NOT NULL,
      message text NOT NULL,
      execution integer NOT NULL,
      PRIMARY KEY (task_id, seq)
    );

    CREATE TABLE shiftwork.outbox (
      id uuid PRIMARY KEY,
      process uuid NOT NULL,
      task_ids uuid[] NOT NULL,
      at timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE shiftwork.process (
      id uuid PRIMARY KEY,
      roles text[] NOT NULL,
      host text NOT NULL,
      pid integer NOT NULL,
      release text NOT NULL,
      info jsonb NOT NULL DEFAULT '{}',
      booted_at timestamptz NOT NULL DEFAULT now(),
      beat_at timestamptz,
      left_at timestamptz,
      gone_at timestamptz,
      resolved_at timestamptz
    );
    CREATE INDEX process_unresolved ON shiftwork.process (booted_at) WHERE resolved_at IS NULL;

    CREATE TABLE shiftwork.queue_state (
      queue text PRIMARY KEY,
      paused boolean NOT NULL DEFAULT false,
      paused_by text,
      paused_at timestamptz
    );

    CREATE TABLE shiftwork.job_definition (
      name text PRIMARY KEY,
      queue text NOT NULL,
      payload_schema jsonb NOT NULL,
      secret_paths jsonb NOT NULL DEFAULT '[]',
      attempts integer NOT NULL,
      backoff jsonb NOT NULL,
      timeout_ms integer,
      on_worker_lost text NOT NULL,
      updated_at timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE shiftwork.dispatch_state (
      name text PRIMARY KEY,
      redis_run_id text,
      since timestamptz NOT NULL DEFAULT now()
    );

    CREATE TABLE shiftwork.pending_failure (
      task_id uuid PRIMARY KEY,
      kind text NOT NULL,
      opened_at timestamptz NOT NULL DEFAULT now(),
      claimed_by uuid,
      claimed_at timestamptz,
      claims integer NOT NULL DEFAULT 0
    );

    CREATE VIEW shiftwork.task_now AS
    SELECT t.id, t.job, t.queue, t.payload, t.priority, t.key, t.idempotency_key, t.request_hash, t.attempts_max,
           t.timeout_ms, t.backoff, t.on_worker_lost, t.created_at, t.retry_of,
           CASE WHEN l.id IS NULL THEN e.status
                WHEN l.status IN ('SCHEDULED', 'RETRYING') AND l.due_at <= now() THEN 'QUEUED'
                ELSE l.status END AS status,
           coalesce(l.due_at, t.run_at) AS run_at,
           coalesce(l.execution, e.execution) AS execution,
           coalesce(l.worker, e.worker) AS worker,
           coalesce(l.attempts_made, e.attempts_made) AS attempts_made,
           coalesce(l.interruptions, e.interruptions) AS interruptions,
           coalesce(l.crashes, e.crashes) AS crashes,
           coalesce(l.progress_percent, e.progress_percent) AS progress_percent,
           coalesce(l.progress_message, e.progress_message) AS progress_message,
           coalesce(l.checkpoint, e.checkpoint) AS checkpoint,
           e.result,
           coalesce(l.error, e.error) AS error,
           coalesce(l.started_at, e.started_at) AS started_at,
           e.finished_at,
           l.cancel_requested_at,
           l.ready_at,
           coalesce(l.version, e.version) AS version
      FROM shiftwork.task t
      LEFT JOIN shiftwork.ended e ON e.id = t.id
      LEFT JOIN shiftwork.live l ON l.id = t.id;
  `,
};
