import type { MigrationStep } from './step.js';

/**
 * What happens after the last attempt.
 *
 * `failed_task` is narrow on purpose: error, payload and attempts are read from the task itself, which stays as long as
 * its FailedTask does. So ten thousand failures a minute write little, no secret is copied, and a retry finds the whole
 * payload. RESOLVED is derived (its retry has FINISHED); retention writes it down before the retry's row is pruned.
 *
 * There is no counter of failures to be increased by each of them, which would make them queue for one row: a mail counts
 * the rows of its fingerprint when it is written, and `digest.counted` says how many were told of before.
 */
export const failures: MigrationStep = {
  name: '0002-failures',
  up: `
    ALTER TABLE shiftwork.pending_failure ADD COLUMN recorded_at timestamptz;

    CREATE TABLE shiftwork.failed_task (
      id uuid PRIMARY KEY,
      seq bigint GENERATED ALWAYS AS IDENTITY,
      task uuid NOT NULL UNIQUE,
      job text NOT NULL,
      queue text NOT NULL,
      key text,
      kind text NOT NULL,
      fingerprint text NOT NULL,
      state text NOT NULL DEFAULT 'OPEN',
      retried_as uuid,
      handled_by text,
      failed_at timestamptz NOT NULL,
      closed_at timestamptz
    );
    CREATE INDEX failed_task_page ON shiftwork.failed_task ((state <> 'OPEN'), (-seq));
    CREATE INDEX failed_task_fingerprint ON shiftwork.failed_task (fingerprint, seq);
    CREATE INDEX failed_task_closed ON shiftwork.failed_task (closed_at) WHERE closed_at IS NOT NULL;

    CREATE TABLE shiftwork.failed_task_audit (
      failed_task uuid NOT NULL REFERENCES shiftwork.failed_task (id) ON DELETE CASCADE,
      seq bigint GENERATED ALWAYS AS IDENTITY,
      at timestamptz NOT NULL DEFAULT now(),
      who text NOT NULL,
      action text NOT NULL,
      reason text,
      PRIMARY KEY (failed_task, seq)
    );

    CREATE VIEW shiftwork.failed_task_now AS
    SELECT f.id, f.seq, f.task, f.job, f.queue, f.key, f.kind, f.fingerprint,
           CASE WHEN f.state = 'RETRIED' AND r.status = 'FINISHED' THEN 'RESOLVED' ELSE f.state END AS state,
           f.state <> 'OPEN' AS closed, e.error, f.retried_as, f.handled_by, f.failed_at, f.closed_at
      FROM shiftwork.failed_task f
      JOIN shiftwork.ended e ON e.id = f.task
      LEFT JOIN shiftwork.ended r ON r.id = f.retried_as;

    CREATE TABLE shiftwork.digest (
      fingerprint text PRIMARY KEY,
      kind text NOT NULL,
      title text,
      advice text,
      path text,
      raised bigint NOT NULL DEFAULT 0,
      raised_at timestamptz,
      since timestamptz NOT NULL DEFAULT now(),
      counted bigint NOT NULL DEFAULT 0,
      mailed_seq bigint,
      mails integer NOT NULL DEFAULT 0,
      step integer NOT NULL DEFAULT 0,
      refusals integer NOT NULL DEFAULT 0,
      mailed_at timestamptz,
      due_at timestamptz,
      claimed_by uuid,
      claimed_at timestamptz
    );
    CREATE INDEX digest_due ON shiftwork.digest (due_at) WHERE due_at IS NOT NULL;

    -- The row that whoever chooses what to send holds a lock on; counts the summaries.
    INSERT INTO shiftwork.digest (fingerprint, kind) VALUES ('summary', 'summary');

    CREATE TABLE shiftwork.digest_mail (
      message_id text PRIMARY KEY,
      kind text NOT NULL,
      sent_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX digest_mail_sent ON shiftwork.digest_mail (sent_at);
  `,
};
