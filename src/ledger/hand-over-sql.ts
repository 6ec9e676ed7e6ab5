/** What is known of a dead process. $1 its id. */
export const DEAD_PROCESS = `
  SELECT (info->>'blameFrom')::int AS blame, left_at IS NOT NULL AS left, release FROM shiftwork.process WHERE id = $1`;

/** Keeps the first judgement. $1 process, $2 charges from which on tasks are to blame. */
export const JUDGE = `
  UPDATE shiftwork.process SET info = info || jsonb_build_object('blameFrom', $2::int) WHERE id = $1`;

/** Everything that a process has started and not ended; not locked, because guilt is judged over all of it. $1 process. */
export const LOOK = `
  SELECT l.id, l.crashes, l.crashed_at AS "crashedAt", l.checkpoint_at AS "checkpointAt",
         l.cancel_requested_at IS NOT NULL AS "cancelRequested", t.on_worker_lost AS "onWorkerLost"
    FROM shiftwork.live l JOIN shiftwork.task t ON t.id = l.id
   WHERE l.worker = $1 AND l.status = 'STARTED'
   ORDER BY l.id`;

/**
 * Carries out the verdicts. $1 process, $2 its release; arrays of id $3, status $4, history outcome $5, crashes $6, charged $7, error $8.
 * Locked rows are skipped: a frozen process may hold its row in an open transaction, and must not hang the rescuer
 * (interleaving 2). A task that was asked to stop after the judgement is CANCELLED (rule 7). A final status goes into `ended`, and
 * FAILED opens its pending failure in the same statement: no failure is lost.
 */
export const MOVE = `
  WITH verdict AS (
    SELECT * FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::bool[], $8::text[]) AS v(id, status, outcome, crashes, charged, error)),
  asked AS MATERIALIZED (
    SELECT l.*, v.crashes AS now_crashes, v.status AS verdict, v.outcome, v.charged, v.error AS told
      FROM verdict v JOIN shiftwork.live l ON l.id = v.id
     WHERE l.status = 'STARTED' AND l.worker = $1
     ORDER BY l.id FOR UPDATE OF l SKIP LOCKED),
  mine AS (
    SELECT id, execution, claim, worker, started_at, attempts_made, interruptions + 1 AS interruptions, now_crashes AS crashes, progress_percent,
           progress_message, checkpoint, version + 1 AS version, charged,
           CASE WHEN stops THEN 'CANCELLED' ELSE verdict END AS status, CASE WHEN stops THEN 'cancelled' ELSE outcome END AS outcome,
           CASE WHEN stops THEN error ELSE coalesce(told::jsonb, error) END AS error, CASE WHEN stops THEN NULL ELSE told::jsonb END AS new_error
      FROM (SELECT *, cancel_requested_at IS NOT NULL AS stops FROM asked) AS a),
  waits AS (
    UPDATE shiftwork.live l
       SET status = 'QUEUED', due_at = NULL, ready_at = now(), interruptions = m.interruptions, crashes = m.crashes,
           crashed_at = CASE WHEN m.charged THEN now() ELSE l.crashed_at END, error = m.error, version = m.version
      FROM mine m WHERE l.id = m.id AND m.status = 'QUEUED'),
  left_live AS (DELETE FROM shiftwork.live l USING mine m WHERE l.id = m.id AND m.status <> 'QUEUED'),
  ended AS (
    INSERT INTO shiftwork.ended (id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim, progress_percent, progress_message, checkpoint, error)
    SELECT id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim, progress_percent, progress_message, checkpoint, error FROM mine WHERE status <> 'QUEUED'),
  history AS (
    INSERT INTO shiftwork.execution (task_id, number, outcome, worker, release, started_at, ended_at, error)
    SELECT id, execution, outcome, worker, $2, started_at, now(), new_error FROM mine
    ON CONFLICT DO NOTHING),
  pending AS (INSERT INTO shiftwork.pending_failure (task_id, kind) SELECT id, 'crashed' FROM mine WHERE status = 'FAILED' ON CONFLICT DO NOTHING)
  SELECT m.id, t.job, t.queue, m.status, m.crashes, m.execution, m.version, t.payload::text AS payload, t.priority, t.created_at AS "createdAt"
    FROM mine m JOIN shiftwork.task t ON t.id = m.id
   ORDER BY m.id`;
