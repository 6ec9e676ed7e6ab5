import { bareArray, type Statement } from '../postgres/index.js';
import type { NewTask } from './new-task.js';
import { NOT_YET_ON_DISK, REACHES_DISK } from './on-disk.js';

/** The outbox row that is written with the tasks, and those whose tasks have all reached Redis. */
export interface Boxing {
  readonly box: string;
  readonly process: string;
  readonly emptied: readonly string[];
}

/** The cheapest statement that accepts these tasks, all or nothing, and its parameters. It answers `at`, their creation time. */
export function acceptance(
  tasks: readonly NewTask[],
  { box, process, emptied }: Boxing,
): [statement: Statement, values: unknown[]] {
  const [first] = tasks;
  if (first === undefined || !tasks.every((task) => isPlain(task) && hasSameProfile(first, task)))
    return [ACCEPT, [...values(tasks), box, process, emptied]];
  if (tasks.length === 1 && emptied.length === 0)
    return [ACCEPT_ONE, [first.id, first.payloadText, ...plainProfile(first), box, process]];
  // One text for the payloads: in JSON a control character is always escaped, so one can part them.
  const payloads = tasks.map(({ payloadText }) => payloadText).join(SEPARATOR);
  const ids = bareArray(tasks.map(({ id }) => id));
  return [ACCEPT_PLAIN, [ids, payloads, ...plainProfile(first), box, process, emptied]];
}

// Nothing but a payload, and to run now: what most tasks are.
function isPlain(task: NewTask): boolean {
  return (
    task.priority === null &&
    task.key === null &&
    task.idempotencyKey === null &&
    task.requestHash === null &&
    task.dueAt === null &&
    task.retryOf === null
  );
}

function plainProfile(task: NewTask): unknown[] {
  return [
    task.job,
    task.queue,
    task.attemptsMax,
    task.timeoutMs,
    JSON.stringify(task.backoff),
    task.onWorkerLost,
  ];
}

const SEPARATOR = '\u001e';

/**
 * Parameters $1 to $15 of ACCEPT and ACCEPT_KEYED. What tasks share (job, queue, limits) is sent once and joined by its
 * number. The payloads go as one JSON array: nothing in them has to be escaped. What no task of the batch has is not sent at all.
 */
export function values(tasks: readonly NewTask[]): unknown[] {
  const { profiles, numbers } = profilesOf(tasks);
  return [
    bareArray(tasks.map((task) => task.id)),
    bareArray(numbers),
    `[${tasks.map((task) => task.payloadText).join(',')}]`,
    anyOf(tasks.map((task) => task.priority)),
    anyOf(tasks.map((task) => task.key)),
    anyOf(tasks.map((task) => task.idempotencyKey)),
    anyOf(tasks.map((task) => task.requestHash)),
    anyOf(tasks.map((task) => task.dueAt?.toISOString() ?? null)),
    anyOf(tasks.map((task) => task.retryOf)),
    profiles.map((task) => task.job),
    profiles.map((task) => task.queue),
    profiles.map((task) => task.attemptsMax),
    profiles.map((task) => task.timeoutMs),
    profiles.map((task) => JSON.stringify(task.backoff)),
    profiles.map((task) => task.onWorkerLost),
  ];
}

// An array that is missing is filled up with NULLs.
function anyOf<V>(values: readonly (V | null)[]): readonly (V | null)[] | null {
  return values.some((value) => value !== null) ? values : null;
}

function profilesOf(tasks: readonly NewTask[]): { profiles: NewTask[]; numbers: number[] } {
  const profiles: NewTask[] = [];
  const numbers = tasks.map((task) => {
    const known = profiles.findIndex((other) => hasSameProfile(other, task));
    return known < 0 ? profiles.push(task) : known + 1;
  });
  return { profiles, numbers };
}

function hasSameProfile(a: NewTask, b: NewTask): boolean {
  return (
    a.job === b.job &&
    a.queue === b.queue &&
    a.attemptsMax === b.attemptsMax &&
    a.timeoutMs === b.timeoutMs &&
    a.onWorkerLost === b.onWorkerLost &&
    a.backoff.type === b.backoff.type &&
    a.backoff.delay === b.backoff.delay
  );
}

const INPUT = `
  input AS MATERIALIZED (
    SELECT i.id, p.job, p.queue, i.payload, i.priority, i.key, i.idempotency_key, i.request_hash,
           p.attempts_max, p.timeout_ms, p.backoff, p.on_worker_lost, i.due_at, i.retry_of
      FROM ROWS FROM (unnest($1::uuid[]), unnest($2::int[]), json_array_elements($3::json), unnest($4::smallint[]), unnest($5::text[]),
                      unnest($6::text[]), unnest($7::text[]), unnest($8::timestamptz[]), unnest($9::uuid[]))
             AS i(id, profile, payload, priority, key, idempotency_key, request_hash, due_at, retry_of)
      JOIN unnest($10::text[], $11::text[], $12::int[], $13::int[], $14::jsonb[], $15::text[])
             WITH ORDINALITY AS p(job, queue, attempts_max, timeout_ms, backoff, on_worker_lost, number) ON p.number = i.profile
  )`;
const TASK_COLUMNS =
  'id, job, queue, payload, priority, key, idempotency_key, request_hash, attempts_max, timeout_ms, backoff, on_worker_lost, run_at, retry_of';
const TASK_VALUES =
  'id, job, queue, payload, priority, key, idempotency_key, request_hash, attempts_max, timeout_ms, backoff, on_worker_lost, coalesce(due_at, now()), retry_of';
const LIVE_INSERT = `INSERT INTO shiftwork.live (id, queue, job, status, due_at, ready_at, priority, attempts_max, timeout_ms)
    SELECT id, queue, job, CASE WHEN due_at IS NULL THEN 'QUEUED' ELSE 'SCHEDULED' END, due_at, coalesce(due_at, now()), priority, attempts_max, timeout_ms`;

// $n the outbox row, its process, and the rows of which nothing is left to dispatch.
const boxing = (n: number): string => `
  boxed AS (INSERT INTO shiftwork.outbox (id, process, task_ids) VALUES ($${String(n)}, $${String(n + 1)}, $1)),
  unboxed AS (DELETE FROM shiftwork.outbox WHERE id = ANY($${String(n + 2)}::uuid[]))`;

/**
 * Accepts tasks without idempotency keys, all or nothing. $16 id of the outbox row, $17 process, $18 outbox rows to delete.
 * Answers `at`, their creation time.
 */
const ACCEPT = {
  name: 'accept',
  text: `WITH ${INPUT},
  accepted AS (INSERT INTO shiftwork.task (${TASK_COLUMNS}) SELECT ${TASK_VALUES} FROM input),
  live AS (${LIVE_INSERT} FROM input), ${boxing(16)}
  SELECT now() AS at`,
};

/** The same of tasks that differ in nothing but id and payload: a fifth less of PostgreSQL's time. $9 to $11 as $16 to $18. */
const ACCEPT_PLAIN = {
  name: 'accept-plain',
  text: `WITH accepted AS (
    INSERT INTO shiftwork.task (id, job, queue, payload, attempts_max, timeout_ms, backoff, on_worker_lost, run_at)
    SELECT i.id, $3, $4, i.payload::json, $5::int, $6::int, $7::jsonb, $8, now()
      FROM ROWS FROM (unnest($1::uuid[]), string_to_table($2, U&'\\001E')) AS i(id, payload)),
  live AS (
    INSERT INTO shiftwork.live (id, queue, job, status, ready_at, attempts_max, timeout_ms)
    SELECT id, $4, $3, 'QUEUED', now(), $5::int, $6::int FROM unnest($1::uuid[]) AS i(id)), ${boxing(9)}
  SELECT now() AS at`,
};

/**
 * The same of a lone one, $1 its id, where no outbox rows are to be deleted: nothing to unpack, an eighth less of PostgreSQL's time.
 *
 * Its commit does not wait for the disk: `KEEP_ACCEPTED` must follow before anybody is told that the task is kept.
 */
export const ACCEPT_ONE = {
  name: 'accept-one',
  text: `WITH accepted AS (
    INSERT INTO shiftwork.task (id, job, queue, payload, attempts_max, timeout_ms, backoff, on_worker_lost, run_at)
    VALUES ($1, $3, $4, $2, $5, $6, $7, $8, now())),
  live AS (
    INSERT INTO shiftwork.live (id, queue, job, status, ready_at, attempts_max, timeout_ms)
    VALUES ($1, $4, $3, 'QUEUED', now(), $5, $6)),
  boxed AS (INSERT INTO shiftwork.outbox (id, process, task_ids) VALUES ($9, $10, ARRAY[$1]))
  SELECT now() AS at, ${NOT_YET_ON_DISK}`,
};

/** When it is committed, everything that was committed before is on the disk. $1 outbox rows of which nothing is left to dispatch. */
export const KEEP_ACCEPTED = {
  name: 'keep-accepted',
  text: `WITH unboxed AS (DELETE FROM shiftwork.outbox WHERE id = ANY($1::uuid[])) SELECT ${REACHES_DISK}`,
};

/** Accepts what has an idempotency key that nobody used before, and answers `id` and `at` of what it accepted. $16 and $17 as in ACCEPT. */
export const ACCEPT_KEYED = `WITH ${INPUT},
  accepted AS (INSERT INTO shiftwork.task (${TASK_COLUMNS}) SELECT ${TASK_VALUES} FROM input
               ON CONFLICT (job, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING RETURNING id),
  live AS (${LIVE_INSERT} FROM input WHERE id IN (SELECT id FROM accepted)),
  boxed AS (INSERT INTO shiftwork.outbox (id, process, task_ids) SELECT $16::uuid, $17::uuid, array_agg(id) FROM accepted HAVING count(*) > 0)
  SELECT id, now() AS at FROM accepted`;

/** The tasks that have these keys. $1 jobs, $2 keys. */
export const EXISTING = `SELECT t.id, t.job, t.idempotency_key, t.created_at
  FROM shiftwork.task t JOIN unnest($1::text[], $2::text[]) AS k(job, key) ON t.job = k.job AND t.idempotency_key = k.key`;
