/**
 * There are new failures of some fingerprints: the next mail about each becomes due. At once, when it is the first or when
 * everything that was told of before is closed; otherwise an interval after the last one.
 *
 * It is SQL to be part of the statement that writes or closes the failures, because the digest's row must stay locked until
 * that commits: whoever counts the failures for a mail waits for it, or has set the next due time before, which is then
 * seen here. So no failure falls between a count and its mark. `fingerprints` is a query of one column without duplicates,
 * `intervalsMs` a parameter.
 */
export function noteSql(fingerprints: string, intervalsMs: string): string {
  return `
  INSERT INTO shiftwork.digest AS d (fingerprint, kind, due_at)
  SELECT f.fingerprint, 'failure', now() FROM (${fingerprints}) AS f(fingerprint) ORDER BY f.fingerprint
  ON CONFLICT (fingerprint) DO UPDATE
     SET step = CASE WHEN ${SETTLED} THEN 0 ELSE d.step END,
         due_at = CASE WHEN ${SETTLED} THEN now() ELSE greatest(now(), d.mailed_at + ${afterInterval(intervalsMs, 'd.step')}) END
   WHERE d.claimed_by IS NULL AND (d.due_at IS NULL OR (d.due_at > now() AND d.refusals = 0 AND ${SETTLED}))`;
}

/** intervals[n] ms after the n-th mail of a row of mails; the last interval holds for all that follow. */
export function afterInterval(intervals: string, step: string): string {
  return `(${intervals}::float8[])[least(${step}, array_length(${intervals}::float8[], 1))] * interval '1 millisecond'`;
}

// The newest failure that the mails have told of and that is not closed is looked for: mostly the very newest. A retry that
// failed again counts through its own FailedTask, unless that is the very one that is being noted.
const SETTLED = `(d.mailed_seq IS NOT NULL AND (
  SELECT f.seq FROM shiftwork.failed_task f
    LEFT JOIN shiftwork.ended r ON r.id = f.retried_as
    LEFT JOIN shiftwork.failed_task g ON g.task = f.retried_as
   WHERE f.fingerprint = d.fingerprint AND f.seq <= d.mailed_seq
     AND (f.state = 'OPEN' OR (f.state = 'RETRIED' AND (r.status IS NULL
          OR (r.status = 'FAILED' AND coalesce(g.seq > d.mailed_seq, true)))))
   ORDER BY f.seq DESC LIMIT 1) IS NULL)`;
