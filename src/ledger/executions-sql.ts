import type { Statement } from '../postgres/index.js';
import { NOT_YET_ON_DISK } from './on-disk.js';

/**
 * The hot statements of a run, written out. Parameters of a start: $1 worker, $2 ids, $3 claims.
 *
 * A job that holds its own row in an open transaction must not hold up anybody else's outcome (PROTOCOL interleaving 2). So
 * there are two ways to write the same, with the same parameters and answers:
 * - `careful` locks the rows first, in id order, and skips those that are locked (they are tried again alone);
 * - `brisk` writes at once, which spares a quarter of PostgreSQL's time: a search, a lock and its log record per row. It
 *   waits for a locked row, but no longer than `PATIENCE`, and then fails as a whole: nothing has been written.
 */
export interface TwoWays {
  readonly brisk: Statement;
  readonly careful: Statement;
}

/** How long a brisk statement waits for a locked row. Shorter than `deadlock_timeout` (1 s), so that it ends deadlocks, too. */
const PATIENCE = `(SELECT set_config('lock_timeout', '100ms', true)) IS NOT NULL`;

/** A start needs its process row, locked: a rescuer sets `gone_at` first, so no start of a dead process can follow (10b). */
const ME =
  'me AS MATERIALIZED (SELECT id FROM shiftwork.process WHERE id = $1 AND gone_at IS NULL FOR SHARE)';
const ASKED = 'unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS s(id, claim, n)';
/** The same for a single task: its row is found by its key, however much was queued when the plan was made, without arrays to unpack. */
const ASKED_ONE = '(SELECT $2::uuid AS id, $3::text AS claim, 1 AS n) AS s';
const IS_STARTABLE = `EXISTS (SELECT 1 FROM me)
       AND (l.status = 'QUEUED' OR (l.status IN ('SCHEDULED', 'RETRYING') AND l.due_at <= now() + interval '2 seconds'))`;

const starting = (from: string, where: string): string => `
  started AS (
    UPDATE shiftwork.live l
       SET status = 'STARTED', execution = l.execution + 1, claim = s.claim, worker = $1, started_at = now(), due_at = NULL,
           parked = NULL, version = l.version + 1
      FROM ${from} WHERE l.id = s.id ${where}
    RETURNING s.n::int, l.execution, l.attempts_made, l.attempts_max, l.timeout_ms, l.crashes, l.checkpoint, l.cancel_requested_at)`;

const startingOf = (asked: string): { brisk: string; careful: string } => ({
  brisk: `${ME}, ${starting(asked, `AND ${PATIENCE} AND ${IS_STARTABLE}`)}`,
  careful: `${ME},
  startable AS MATERIALIZED (
    SELECT l.id, s.claim, s.n FROM ${asked} JOIN shiftwork.live l ON l.id = s.id
     WHERE ${IS_STARTABLE}
     ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED), ${starting('startable s', '')}`,
});
const STARTING = startingOf(ASKED);
const STARTING_ONE = startingOf(ASKED_ONE);

const STARTED_COLUMNS =
  'execution, attempts_made, attempts_max, timeout_ms, crashes, checkpoint, cancel_requested_at';
const STARTED = `SELECT n, ${STARTED_COLUMNS} FROM started`;
const WITHOUT_DISK = `WHERE (SELECT ${NOT_YET_ON_DISK}) IS NOT NULL`;

const FINISHED = 'unnest($1::uuid[], $2::text[], $3::text[]) AS e(id, claim, result)';
const FINISHED_ONE = '(SELECT $1::uuid AS id, $2::text AS claim, $3::text AS result) AS e';

/** The end of nearly every run: success. `ends`: id, claim, result as JSON text. Writes no history row. `patient` waits for a lock of any length. */
function finishing(ends: string): { brisk: string; careful: string; patient: string } {
  const isMine = `l.id = e.id AND l.status = 'STARTED' AND l.claim = e.claim`;
  const columns = `l.id, l.execution, l.claim, l.worker, l.attempts_made, l.interruptions, l.crashes, l.progress_message, l.checkpoint,
           l.started_at, l.version, e.result`;
  const keep = `
  kept AS (
    INSERT INTO shiftwork.ended (id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim, progress_percent, progress_message, checkpoint, result)
    SELECT id, 'FINISHED', execution, attempts_made, interruptions, crashes, version + 1, started_at, worker, claim, 100, progress_message,
           checkpoint, result::jsonb
      FROM finished)`;
  const atOnce = (when: string): string => `
  finished AS (
    DELETE FROM shiftwork.live l USING ${ends} WHERE ${when}${isMine} RETURNING ${columns}), ${keep}`;
  return {
    brisk: atOnce(`${PATIENCE} AND `),
    patient: atOnce(''),
    careful: `
  finished AS MATERIALIZED (
    SELECT ${columns} FROM ${ends} JOIN shiftwork.live l ON ${isMine} ORDER BY l.id FOR UPDATE OF l SKIP LOCKED),
  left_live AS (DELETE FROM shiftwork.live l USING finished f WHERE l.id = f.id), ${keep}`,
  };
}

function twoWays(name: string, textOf: (way: 'brisk' | 'careful') => string): TwoWays {
  return {
    brisk: { name, text: textOf('brisk') },
    careful: { name: `${name}-careful`, text: textOf('careful') },
  };
}

/** For many rows, which may be nearly all or nearly none of the table. */
function manyTwoWays(name: string, textOf: (way: 'brisk' | 'careful') => string): TwoWays {
  const { brisk, careful } = twoWays(name, textOf);
  return { brisk: { ...brisk, replans: true }, careful: { ...careful, replans: true } };
}

/**
 * Answers `n`, which of the asked were started (1 is the first), and what a run needs to know. Its commit does not wait for the
 * disk: see `LateCommits`.
 */
export const START = manyTwoWays('start', (way) => `WITH ${STARTING[way]} ${STARTED} ${WITHOUT_DISK}`);

/** The same for a single task: $2 id, $3 claim. */
export const START_ONE = twoWays(
  'start-one',
  (way) => `WITH ${STARTING_ONE[way]} ${STARTED} ${WITHOUT_DISK}`,
);

/** As START, and its commit waits for the disk. */
export const START_ON_DISK = manyTwoWays('start-on-disk', (way) => `WITH ${STARTING[way]} ${STARTED}`);

/** The same columns of rows that are known to be started by the asking claims. $1 ids. */
export const STARTED_BY_CLAIM = {
  name: 'started-by-claim',
  text: `SELECT claim, ${STARTED_COLUMNS} FROM shiftwork.live WHERE id = ANY($1::uuid[]) AND status = 'STARTED'`,
};

/** Answers `finished`: how many. $1 ids, $2 claims, $3 results or NULL. */
export const FINISH = manyTwoWays(
  'finish',
  (way) => `WITH ${finishing(FINISHED)[way]} SELECT count(*)::int AS finished FROM finished`,
);

/** The same for a single task. $1 id, $2 claim, $3 result or NULL. */
export const FINISH_ONE = twoWays(
  'finish-one',
  (way) => `WITH ${finishing(FINISHED_ONE)[way]} SELECT count(*)::int AS finished FROM finished`,
);

/** The same in a job's own transaction. It waits for a note or a cancel that has the row locked; only that job waits. */
export const FINISH_IN = `WITH ${finishing(FINISHED_ONE).patient} SELECT count(*)::int AS finished FROM finished`;

/**
 * Every other end: arrays of id $1, claim $2, wanted status $3, history outcome $4, result $5, error $6, due time $7,
 * charged attempts $8 (0 or 1), interruptions $9 (0 or 1), failure kind $10; release $11.
 * Whatever is no success is CANCELLED when somebody asked for that, also where the job has not heard of it: the task does not wait
 * again (rule 7), and nobody needs to hear of a failure.
 * FAILED opens its pending failure here: from this commit on, the failure cannot be lost (rule 10).
 */
export const END = {
  name: 'end',
  replans: true,
  text: `WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::int[], $9::int[], $10::text[])
      AS e(id, claim, status, outcome, result, error, due_at, charged, interrupted, kind)),
  mine AS MATERIALIZED (
    SELECT l.id, l.execution, l.claim, l.worker, l.attempts_made + e.charged AS attempts_made, l.interruptions + e.interrupted AS interruptions,
           l.crashes, l.progress_percent, l.progress_message, l.checkpoint, l.started_at, l.version + 1 AS version,
           e.result, coalesce(e.error::jsonb, l.error) AS error, e.error::jsonb AS new_error, e.due_at, e.kind,
           CASE WHEN e.status <> 'FINISHED' AND l.cancel_requested_at IS NOT NULL THEN 'CANCELLED' ELSE e.status END AS status,
           CASE WHEN e.status <> 'FINISHED' AND l.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE e.outcome END AS outcome
      FROM wanted e JOIN shiftwork.live l ON l.id = e.id
     WHERE l.status = 'STARTED' AND l.claim = e.claim
     ORDER BY l.id FOR UPDATE OF l SKIP LOCKED),
  waits AS (
    UPDATE shiftwork.live l
       SET status = m.status, due_at = m.due_at, ready_at = coalesce(m.due_at, now()), attempts_made = m.attempts_made,
           interruptions = m.interruptions, error = m.error, version = m.version
      FROM mine m WHERE l.id = m.id AND m.status IN ('QUEUED', 'RETRYING', 'SCHEDULED')),
  left_live AS (DELETE FROM shiftwork.live l USING mine m WHERE l.id = m.id AND m.status IN ('FINISHED', 'FAILED', 'CANCELLED')),
  ended AS (
    INSERT INTO shiftwork.ended (id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim, progress_percent, progress_message, checkpoint, result, error)
    SELECT id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim,
           CASE WHEN status = 'FINISHED' THEN 100 ELSE progress_percent END, progress_message, checkpoint, result::jsonb,
           CASE WHEN status = 'FINISHED' THEN NULL ELSE error END
      FROM mine WHERE status IN ('FINISHED', 'FAILED', 'CANCELLED')),
  history AS (
    INSERT INTO shiftwork.execution (task_id, number, outcome, worker, release, started_at, ended_at, error)
    SELECT id, execution, outcome, worker, $11, started_at, now(), new_error FROM mine WHERE outcome <> 'finished'
    ON CONFLICT DO NOTHING),
  pending AS (INSERT INTO shiftwork.pending_failure (task_id, kind) SELECT id, kind FROM mine WHERE status = 'FAILED' ON CONFLICT DO NOTHING)
  SELECT id, status FROM mine`,
};

/** Writes down rows of `live`, as they were before, that are cancelled; FROM and WHERE follow. */
export const KEEP_CANCELLED = `
    INSERT INTO shiftwork.ended (id, status, execution, attempts_made, interruptions, crashes, version, started_at, worker, claim, progress_percent, progress_message, checkpoint, error)
    SELECT id, 'CANCELLED', execution, attempts_made, interruptions, crashes, version + 1, started_at, worker, claim, progress_percent,
           progress_message, checkpoint, error`;

/**
 * A start that is taken back before anything ran: no interruption, no history; its number stays used. Whoever was asked to stop
 * meanwhile is CANCELLED instead (rule 7). $1 ids, $2 claims. Answers `id` and whether it is `cancelled`.
 */
export const RELEASE = {
  name: 'release',
  replans: true,
  text: `WITH mine AS MATERIALIZED (
    SELECT l.* FROM unnest($1::uuid[], $2::text[]) AS e(asked, asking) JOIN shiftwork.live l ON l.id = e.asked
     WHERE l.status = 'STARTED' AND l.claim = e.asking ORDER BY l.id FOR UPDATE OF l SKIP LOCKED),
  waits AS (
    UPDATE shiftwork.live l SET status = 'QUEUED', version = l.version + 1
      FROM mine m WHERE l.id = m.id AND m.cancel_requested_at IS NULL),
  left_live AS (DELETE FROM shiftwork.live l USING mine m WHERE l.id = m.id AND m.cancel_requested_at IS NOT NULL),
  ended AS (
    ${KEEP_CANCELLED} FROM mine WHERE cancel_requested_at IS NOT NULL)
  SELECT id, cancel_requested_at IS NOT NULL AS cancelled FROM mine`,
};

/** How a row stands, for whoever's write was refused. $1 ids. */
export const STANDING = {
  name: 'standing',
  text: `SELECT t.id, coalesce(l.status, e.status) AS status, coalesce(l.claim, e.claim) AS claim, l.due_at, l.id IS NOT NULL AS is_live
           FROM shiftwork.task t LEFT JOIN shiftwork.live l ON l.id = t.id LEFT JOIN shiftwork.ended e ON e.id = t.id WHERE t.id = ANY($1::uuid[])`,
};
