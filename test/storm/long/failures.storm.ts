import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MailSink } from '../../support/mail-sink.js';
import { waitFor } from '../../support/wait.js';
import { World } from '../../support/world.js';

const MANY = 10_000;
const MINUTE_MS = 60_000;

let sink: MailSink;
let world: World;
beforeEach(async () => {
  sink = await MailSink.start();
  world = new World(
    { SMTP_URL: sink.url, ADMINS: 'a@example.org', QUEUES: 'default:50', LOG_LEVEL: 'info' },
    'test/support/failing-app.js',
  );
  await world.web();
});
afterEach(async () => {
  await world.end();
  await sink.stop();
});

describe('failures, as many as it takes', () => {
  it('10,000 of one cause: as many FailedTasks, five mails at most, whose counts add up', async () => {
    await world.rows('CREATE TABLE app.fixed ()');
    const before = await rateOf('FINISHED');
    await world.rows('DROP TABLE app.fixed');
    const failed = await rateOf('FAILED', async () => {
      await allRecorded(MANY);
      await twiceTold();
    });
    await world.rows('CREATE TABLE app.fixed ()');
    const after = await rateOf('FINISHED');
    const timesAsLong = Number(((2 * failed.seconds) / (before.seconds + after.seconds)).toFixed(2));
    const seen = await account();
    report({ finished: [before, after], failed, timesAsLong, ...seen });
    expect(seen.mails).toBeLessThanOrEqual(5);
    expect(seen.mailed + seen.unmailed).toBe(MANY);
  });

  it('10,000 of ten causes: ten first mails, and ten more at most tell all the rest', async () => {
    const worker = await world.role('worker');
    await enqueue('test.manifold', MANY);
    await allRecorded(MANY);
    await waitFor('the last count', async () => (await account()).unmailed === 0, {
      deadlineMs: 2 * MINUTE_MS,
      everyMs: 1_000,
    });
    const first = sink.mails.filter(({ messageId }) => messageId.includes('.1@'));
    const seen = await account();
    report({ firstMails: first.length, ...seen });
    expect(new Set(first.map(({ messageId }) => messageId)).size).toBe(10);
    expect(first).toHaveLength(10);
    expect(seen).toMatchObject({ mailed: MANY, unmailed: 0 });
    expect(seen.mails).toBeLessThanOrEqual(20); // none of the second ten for a cause whose first mail came last
    expect(worker.exited).toBeUndefined();
  });

  it('5,000 retried in bulk, each exactly once, also when the retrying worker is killed in the middle', async () => {
    const many = MANY / 2;
    const first = await world.role('worker', { HOLD: 'failures.batchRetried', HOLD_AT: '5' });
    await enqueue('test.brokenOnce', many);
    await allRecorded(many);
    await world.rows('CREATE TABLE app.fixed ()');
    const { body } = await world.request<{ task: string }>('POST', '/failed-tasks/retry', {
      filter: { job: 'test.brokenOnce' },
    });
    await first.waitForEvent('test.held');
    await first.kill();
    const atTheKill = await states();
    await world.role('worker');
    const { result, crashes } = await world.ended(body.task);
    await allEnded();
    const [retries] = await world.rows(
      'SELECT count(*)::int AS tasks, count(DISTINCT retry_of)::int AS of FROM app.task WHERE retry_of IS NOT NULL',
    );
    const after = await states();
    report({ atTheKill, after, retries, result, crashes });
    expect(atTheKill).toMatchObject({ OPEN: many / 2 });
    expect(after).toEqual({ RESOLVED: many });
    expect(retries).toEqual({ tasks: many, of: many });
    expect({ result, crashes }).toEqual({ result: { retried: many }, crashes: 1 });
  });

  it('the mail server away for five minutes: one FailedTask, and the mail comes afterwards', async () => {
    await world.role('worker');
    await sink.stop();
    await world.enqueue('test.hopeless', { ms: 0 });
    await allRecorded(1);
    const backAt = Date.now() + 5 * MINUTE_MS;
    await waitFor('five minutes to pass', () => Date.now() >= backAt, {
      deadlineMs: 6 * MINUTE_MS,
      everyMs: 1_000,
    });
    expect(sink.mails).toHaveLength(0);
    await sink.start();
    // Refused again and again, it is tried every five minutes at last.
    await waitFor('the mail', () => sink.mails.length > 0, { deadlineMs: 6 * MINUTE_MS, everyMs: 1_000 });
    const secondsAfter = Math.round((Date.now() - backAt) / 1_000);
    await waitFor('its mark', async () => (await account()).unmailed === 0);
    report({ secondsAfter, mails: sink.mails.length });
    await allRecorded(1);
    expect(new Set(sink.mails.map(({ messageId }) => messageId)).size).toBe(1);
  });
});

interface Rate {
  seconds: number;
  perSecond: number;
}

interface Account {
  /** Received. */
  mails: number;
  /** Failures that they told of. */
  mailed: number;
  /** Mails that the ledger knows to be sent. */
  marked: number;
  /** Failures that the ledger keeps for the next mail. */
  unmailed: number;
}

/** Runs all of `test.brokenOnce` on a fresh worker with everything waiting, so that both ways to end start the same. */
async function rateOf(status: 'FINISHED' | 'FAILED', meanwhile?: () => Promise<void>): Promise<Rate> {
  const ids = await enqueue('test.brokenOnce', MANY);
  const worker = await world.role('worker');
  await allEnded();
  const [row] = await world.rows<{ ended: number; seconds: number }>(
    `SELECT count(*)::int AS ended, extract(epoch FROM max(finished_at) - min(started_at))::float8 AS seconds
       FROM app.ended WHERE status = $1 AND id = ANY($2::uuid[])`,
    [status, ids],
  );
  expect(row?.ended).toBe(MANY);
  await meanwhile?.();
  await worker.kill();
  const seconds = row?.seconds ?? NaN;
  return { seconds: Number(seconds.toFixed(1)), perSecond: Math.round(MANY / seconds) };
}

async function enqueue(job: string, many: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < many)
    ids.push(
      ...(await world.bulk(
        job,
        Array.from({ length: 1_000 }, (_, i) => ({ order: ids.length + i })),
      )),
    );
  return ids;
}

/** Looks seldom: it shares the cores with what is measured. */
async function allEnded(): Promise<void> {
  await waitFor(
    'every task to end',
    async () => (await world.rows('SELECT FROM app.live LIMIT 1')).length === 0,
    {
      deadlineMs: 5 * MINUTE_MS,
      everyMs: 500,
    },
  );
}

/** Nothing pends, and there are as many FailedTasks as there should be. */
async function allRecorded(many: number): Promise<void> {
  await waitFor(
    `${String(many)} FailedTasks`,
    async () => {
      const [row] = await world.rows<{ pending: number; recorded: number }>(
        `SELECT (SELECT count(*)::int FROM app.pending_failure) AS pending,
                (SELECT count(*)::int FROM app.failed_task) AS recorded`,
      );
      expect(row).toEqual({ pending: 0, recorded: many });
      return true;
    },
    { deadlineMs: 5 * MINUTE_MS, everyMs: 500 },
  );
}

/** Waits for what the first two mails tell; a third would come ten minutes later. */
async function twiceTold(): Promise<void> {
  const told = async (): Promise<boolean> => {
    const { marked, unmailed } = await account();
    return marked > 1 || unmailed === 0;
  };
  await waitFor('the second mail', told, { deadlineMs: 2 * MINUTE_MS, everyMs: 1_000 });
}

/** What the mails have said by their own words, beside what the tables know. */
async function account(): Promise<Account> {
  const said = sink.mails.map(({ text }) => Number(/Since the last mail:\s+(\d+)/.exec(text)?.[1] ?? 0));
  const [row] = await world.rows<{ marked: number; unmailed: number }>(
    `SELECT sum(mails)::int AS marked, ((SELECT count(*) FROM app.failed_task) - sum(counted))::int AS unmailed
       FROM app.digest WHERE kind = 'failure'`,
  );
  return {
    mails: said.length,
    mailed: said.reduce((sum, count) => sum + count, 0),
    marked: row?.marked ?? NaN,
    unmailed: row?.unmailed ?? NaN,
  };
}

async function states(): Promise<Record<string, number>> {
  const rows = await world.rows<{ state: string; n: number }>(
    'SELECT state, count(*)::int AS n FROM app.failed_task_now GROUP BY state',
  );
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
}

function report(numbers: object): void {
  process.stdout.write(`${JSON.stringify(numbers)}\n`);
}
