import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deferred } from '../../../src/foundation/index.js';
import { MOVE } from '../../../src/ledger/hand-over-sql.js';
import { Executions } from '../../../src/ledger/index.js';
import { anError, endOfRun, newTask, openLedger, type OpenLedger } from '../../support/ledger.js';
import { query } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

let ledger: OpenLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(async () => {
  await ledger.close();
});

let claims = 0;
function claim(): string {
  return `${ledger.worker}:${String(++claims)}`;
}

async function accepted(part: Parameters<typeof newTask>[0] = {}) {
  const task = newTask(part);
  await ledger.accepting.acceptEach([task]);
  return task;
}

async function started(part: Parameters<typeof newTask>[0] = {}) {
  const task = await accepted(part);
  const mine = claim();
  const [start] = await ledger.executions.start(ledger.worker, [{ taskId: task.id, claim: mine }]);
  expect(start).toMatchObject({ kind: 'started' });
  return { id: task.id, claim: mine };
}

// The ledger's own may have met a locked row a moment ago, and be careful still.
function unwarned(): Executions {
  return new Executions(ledger.postgres, ledger.settings);
}

async function cancelled(id: string): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for await (const some of ledger.cancels.byIds([id])) outcomes.push(...some);
  return outcomes;
}

/** A line of the run's first execution. */
function line({ id, claim: mine }: { id: string; claim: string }, message: string): Promise<void> {
  return ledger.logs.append({
    taskId: id,
    claim: mine,
    execution: 1,
    at: new Date(),
    level: 'info',
    message,
  });
}

async function statusOf(id: string): Promise<string | undefined> {
  return (await ledger.reads.byId(id))?.status;
}

describe('a start', () => {
  it('gives the execution its number and claim, and refuses the same task to everybody else', async () => {
    const task = await accepted();
    const answers = await ledger.executions.start(ledger.worker, [{ taskId: task.id, claim: claim() }]);
    expect(answers).toMatchObject([
      {
        kind: 'started',
        execution: 1,
        attemptsMade: 0,
        attemptsMax: 3,
        checkpoint: null,
        cancelRequested: false,
      },
    ]);
    expect(await ledger.executions.start(ledger.worker, [{ taskId: task.id, claim: claim() }])).toEqual([
      { kind: 'taken' },
    ]);
    expect(await ledger.reads.byId(task.id)).toMatchObject({
      status: 'STARTED',
      worker: ledger.worker,
      execution: 1,
    });
  });

  it('that is asked again with the same claim counts as started: its connection broke after the commit', async () => {
    const task = await accepted();
    const delivery = { taskId: task.id, claim: claim() };
    await ledger.executions.start(ledger.worker, [delivery]);
    expect(await ledger.executions.start(ledger.worker, [delivery])).toMatchObject([
      { kind: 'started', execution: 1 },
    ]);
  });

  it('is refused for a task that has ended, is due later, or never was', async () => {
    const done = await started();
    await ledger.executions.end(endOfRun(done));
    const dueAt = new Date(Date.now() + 60_000);
    const later = await accepted({ dueAt });
    const answers = await ledger.executions.start(
      ledger.worker,
      [done.id, later.id, newTask().id].map((taskId) => ({ taskId, claim: claim() })),
    );
    expect(answers).toEqual([
      { kind: 'ended' },
      { kind: 'waiting', dueAt: dueAt.getTime() },
      { kind: 'unknown' },
    ]);
  });

  // Proven: without `EXISTS (SELECT 1 FROM me)` in executions-sql.ts the dead process starts the task.
  it('is refused to a process that was declared gone', async () => {
    const dead = await ledger.register();
    await ledger.postgres.query({ text: 'UPDATE shiftwork.process SET gone_at = now() WHERE id = $1' }, [
      dead,
    ]);
    const task = await accepted();
    const [answer] = await ledger.executions.start(dead, [{ taskId: task.id, claim: `${dead}:1` }]);
    expect(answer?.kind).toBe('waiting');
    expect(await statusOf(task.id)).toBe('QUEUED');
  });

  it('among many at once happens once', async () => {
    const task = await accepted();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        ledger.executions.start(ledger.worker, [{ taskId: task.id, claim: claim() }]),
      ),
    );
    expect(answers.flat().filter((answer) => answer.kind === 'started')).toHaveLength(1);
    expect((await ledger.reads.byId(task.id))?.execution).toBe(1);
  });
});

describe('rows that somebody keeps locked', () => {
  // Proven: without PATIENCE in `starting` the batch waits for the transaction; without SKIP LOCKED the second one does.
  it('hold up no other start: not the first batch that meets one, nor those after it', async () => {
    const held = await accepted();
    const hold = deferred();
    const locked = deferred();
    const transaction = ledger.postgres.transaction(async (manager) => {
      await ledger.postgres.queryIn(manager, 'SELECT id FROM shiftwork.live WHERE id = $1 FOR UPDATE', [
        held.id,
      ]);
      locked.resolve();
      await hold.promise;
    });
    await locked.promise;
    const executions = unwarned();
    for (const other of [await accepted(), await accepted()]) {
      const both = [held, other].map(({ id }) => ({ taskId: id, claim: claim() }));
      const answers = await executions.start(ledger.worker, both);
      expect(answers.map(({ kind }) => kind)).toEqual(['waiting', 'started']);
    }
    hold.resolve();
    await transaction;
    const answers = await executions.start(ledger.worker, [{ taskId: held.id, claim: claim() }]);
    expect(answers).toMatchObject([{ kind: 'started', execution: 1 }]);
  });
});

describe('the end of a run', () => {
  it('FINISHED keeps the result and one execution', async () => {
    const run = await started();
    expect(await ledger.executions.end(endOfRun({ ...run, result: '{"made":3}' }))).toMatchObject({
      kind: 'recorded',
      status: 'FINISHED',
    });
    expect(await ledger.reads.byId(run.id)).toMatchObject({
      status: 'FINISHED',
      result: { made: 3 },
      error: null,
      progressPercent: 100,
      execution: 1,
      attemptsMade: 0,
    });
    expect(await ledger.reads.executions(run.id)).toMatchObject([
      { number: 1, outcome: 'finished', worker: ledger.worker, release: 'r1' },
    ]);
  });

  // Proven: without `l.claim = e.claim` in `finishing` (executions-sql.ts) the late writer wins.
  it('of an execution that lost its claim changes nothing, whatever it says', async () => {
    const late = await started();
    await ledger.executions.end(
      endOfRun({ ...late, status: 'QUEUED', outcome: 'interrupted', countInterruption: true }),
    );
    const mine = claim();
    await ledger.executions.start(ledger.worker, [{ taskId: late.id, claim: mine }]);

    const lost = { kind: 'lost', row: { kind: 'taken' } };
    expect(await ledger.executions.end(endOfRun({ ...late, result: '"late"' }))).toEqual(lost);
    expect(
      await ledger.executions.end(
        endOfRun({ ...late, status: 'FAILED', outcome: 'error', error: anError, failureKind: 'error' }),
      ),
    ).toEqual(lost);
    expect(
      await ledger.progress.record({ id: late.id, claim: late.claim, percent: 90, message: 'late' }),
    ).toEqual({ owned: false });
    expect(await ledger.progress.checkpoint(late.id, late.claim, '{"late":true}')).toEqual({ owned: false });
    await ledger.logs.append({
      taskId: late.id,
      claim: late.claim,
      execution: 1,
      at: new Date(),
      level: 'info',
      message: 'late',
    });
    await expect(
      ledger.postgres.transaction((manager) => ledger.executions.finishIn(manager, endOfRun(late))),
    ).rejects.toMatchObject({ code: 'claim-lost' });

    expect(await ledger.reads.byId(late.id)).toMatchObject({
      status: 'STARTED',
      execution: 2,
      progressPercent: 0,
      checkpoint: null,
      result: null,
      interruptions: 1,
      attemptsMade: 0,
    });
    expect(await ledger.reads.logs(late.id, 10, null)).toEqual([]);
    await ledger.executions.end(endOfRun({ id: late.id, claim: mine, result: '"mine"' }));
    expect(await ledger.executions.end(endOfRun({ ...late, result: '"later still"' }))).toEqual({
      kind: 'lost',
      row: { kind: 'ended' },
    });
    expect((await ledger.reads.byId(late.id))?.result).toBe('mine');
  });

  // Proven: told that it is 'taken', a worker leaves the entry to the sweep of the active list.
  it('whose start PostgreSQL has lost in a crash is lost, and its task waits', async () => {
    const run = await started();
    await ledger.postgres.query(
      { text: `UPDATE shiftwork.live SET status = 'QUEUED', claim = NULL, execution = 0 WHERE id = $1` },
      [run.id],
    );
    expect(await ledger.executions.end(endOfRun(run))).toMatchObject({
      kind: 'lost',
      row: { kind: 'waiting' },
    });
  });

  it('that is written twice, because its connection broke after the commit, is recorded once and told as recorded', async () => {
    const run = await started();
    const end = endOfRun({
      ...run,
      status: 'RETRYING',
      outcome: 'error',
      error: anError,
      dueAt: new Date(Date.now() + 60_000),
      chargeAttempt: true,
    });
    await ledger.executions.end(end);
    expect(await ledger.executions.end(end)).toMatchObject({ kind: 'recorded', status: 'RETRYING' });
    expect(await ledger.reads.byId(run.id)).toMatchObject({
      status: 'RETRYING',
      attemptsMade: 1,
      error: { message: 'broken' },
    });
    expect(await ledger.reads.executions(run.id)).toHaveLength(1);
  });

  it('FAILED opens its pending failure in the same commit, and leaves nothing live', async () => {
    const run = await started();
    await ledger.executions.end(
      endOfRun({
        ...run,
        status: 'FAILED',
        outcome: 'timeout',
        error: anError,
        chargeAttempt: true,
        failureKind: 'timeout',
      }),
    );
    expect(
      await ledger.postgres.query({ text: 'SELECT kind FROM shiftwork.pending_failure WHERE task_id = $1' }, [
        run.id,
      ]),
    ).toEqual([{ kind: 'timeout' }]);
    expect(
      await ledger.postgres.query({ text: 'SELECT id FROM shiftwork.live WHERE id = $1' }, [run.id]),
    ).toEqual([]);
    expect((await ledger.reads.page({ status: 'FAILED' }, 10, null)).map((row) => row.id)).toContain(run.id);
  });

  // Proven: without the CASE on cancel_requested_at in END the task waits again.
  it('that would make a task wait again ends it CANCELLED when somebody asked for that', async () => {
    const run = await started();
    await cancelled(run.id);
    const recorded = await ledger.executions.end(
      endOfRun({
        ...run,
        status: 'RETRYING',
        outcome: 'error',
        error: anError,
        dueAt: new Date(),
        chargeAttempt: true,
      }),
    );
    expect(recorded).toMatchObject({ kind: 'recorded', status: 'CANCELLED' });
    expect(await statusOf(run.id)).toBe('CANCELLED');
  });

  // Its job has not heard of the cancel (Redis was away, say) and threw. Proven: with a CASE on the waiting statuses only, it is FAILED.
  it('of a last attempt that failed is CANCELLED when somebody asked for that, and no failure', async () => {
    const run = await started({ attemptsMax: 1 });
    await cancelled(run.id);
    const failed = { status: 'FAILED', outcome: 'error', error: anError, failureKind: 'error' } as const;
    const recorded = await ledger.executions.end(endOfRun({ ...run, ...failed, chargeAttempt: true }));
    expect(recorded).toMatchObject({ kind: 'recorded', status: 'CANCELLED' });
    expect(await ledger.reads.executions(run.id)).toMatchObject([{ outcome: 'cancelled' }]);
    expect(
      await query(`SELECT 1 FROM "${ledger.appName}".pending_failure WHERE task_id = '${run.id}'`),
    ).toEqual([]);
  });

  it('with a result that PostgreSQL refuses fails that task alone, and its batch-mates finish', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => started()));
    const ends = runs.map((run, i) => endOfRun({ ...run, result: i === 2 ? '{"nul":"\\u0000"}' : '1' }));
    await Promise.all(ends.map((end) => ledger.executions.end(end)));
    expect(await Promise.all(runs.map((run) => statusOf(run.id)))).toEqual([
      'FINISHED',
      'FINISHED',
      'FAILED',
      'FINISHED',
      'FINISHED',
    ]);
    expect((await ledger.reads.byId(runs[2]?.id ?? ''))?.error).toMatchObject({
      code: 'result-not-storable',
    });
  });

  // Proven: while the refused ones were waited for in the flush, two of them held both flights, and all waited for each other.
  it('that PostgreSQL refuses for itself fails that task alone, however many there are', async () => {
    const never = { status: 'RETRYING', outcome: 'error', error: anError, dueAt: new Date(2.6e14) } as const;
    const refused = await Promise.all(Array.from({ length: 4 }, () => started()));
    const other = await started();
    await Promise.all([
      ...refused.map((run) => ledger.executions.end(endOfRun({ ...run, ...never }))),
      ledger.executions.end(endOfRun({ ...other, status: 'QUEUED', outcome: 'interrupted' })),
    ]);
    for (const { id } of refused)
      expect(await ledger.reads.byId(id)).toMatchObject({
        status: 'FAILED',
        error: {
          code: 'result-not-storable',
          message: expect.stringContaining('could not be stored') as string,
        },
      });
    expect(await statusOf(other.id)).toBe('QUEUED');
  });

  // Proven: without `isOfTheServer` the end is given up, and the task stays STARTED as long as its worker lives.
  it.each([
    ['FINISHED', {}],
    ['FAILED', { status: 'FAILED', outcome: 'error', error: anError, failureKind: 'error' }],
  ] as const)(
    'is written again until it is %s when PostgreSQL refuses it for a reason of its own',
    async (status, end) => {
      const [run, mate] = [await started(), await started()];
      const sql = (text: string) => ledger.postgres.query({ text });
      await sql(`CREATE SEQUENCE shiftwork.refusals`);
      await sql(`CREATE FUNCTION shiftwork.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('"${ledger.appName}".refusals'); RAISE EXCEPTION 'a disk' USING ERRCODE = '58030'; END $$`);
      await sql(`CREATE TRIGGER refuse BEFORE INSERT ON shiftwork.ended FOR EACH ROW WHEN (NEW.id = '${run.id}')
        EXECUTE FUNCTION shiftwork.refuse()`);
      const ending = ledger.executions.end(endOfRun({ ...run, ...end }));
      await ledger.executions.end(endOfRun({ ...mate, ...end }));
      expect(await statusOf(mate.id)).toBe(status);
      await waitFor('a third attempt', async () => {
        const [row] = await query<{ n: string }>(`SELECT last_value AS n FROM "${ledger.appName}".refusals`);
        return Number(row?.n) >= 3;
      });
      expect(await statusOf(run.id)).toBe('STARTED');
      await sql('DROP FUNCTION shiftwork.refuse CASCADE');
      await sql('DROP SEQUENCE shiftwork.refusals');
      expect(await ending).toEqual({ kind: 'recorded', status });
      expect(await statusOf(run.id)).toBe(status);
    },
  );

  // Proven: without PATIENCE, or SKIP LOCKED, in `finishing` the others wait for the transaction, and this test with them.
  it('does not wait for a task whose own transaction is open, and that task ends when it is closed', async () => {
    const [holder, other] = [await started(), await started()];
    const hold = deferred();
    const locked = deferred();
    const transaction = ledger.postgres.transaction(async (manager) => {
      await ledger.progress.checkpoint(holder.id, holder.claim, '{"at":1}', manager);
      locked.resolve();
      await hold.promise;
    });
    await locked.promise;
    const executions = unwarned();
    const ofHolder = executions.end(endOfRun(holder));
    await executions.end(endOfRun(other));
    await ledger.progress.record({ id: holder.id, claim: holder.claim, percent: 50, message: null });
    expect(await statusOf(other.id)).toBe('FINISHED');
    expect(await statusOf(holder.id)).toBe('STARTED');
    hold.resolve();
    await transaction;
    expect(await ofHolder).toMatchObject({ kind: 'recorded', status: 'FINISHED' });
    expect((await ledger.reads.byId(holder.id))?.checkpoint).toEqual({ at: 1 });
  });
});

describe('writes in the job’s own transaction', () => {
  it('finish the task exactly if the transaction commits', async () => {
    const [kept, lost] = [await started(), await started()];
    await ledger.postgres.transaction((manager) =>
      ledger.executions.finishIn(manager, endOfRun({ ...kept, result: '"in"' })),
    );
    await expect(
      ledger.postgres.transaction(async (manager) => {
        await ledger.executions.finishIn(manager, endOfRun({ ...lost, result: '"in"' }));
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect(await statusOf(kept.id)).toBe('FINISHED');
    expect(await statusOf(lost.id)).toBe('STARTED');
    expect(await ledger.executions.end(endOfRun({ ...kept, result: '"in"' }))).toMatchObject({
      kind: 'recorded',
      status: 'FINISHED',
    });
  });

  // Proven: with SKIP LOCKED it is told that its claim is lost, and the job's transaction rolls back.
  it('finish the task also while a note or a cancel has its row for a moment', async () => {
    const run = await started();
    let finishing: Promise<void> | undefined;
    await ledger.postgres.transaction(async (manager) => {
      await ledger.postgres.queryIn(
        manager,
        'UPDATE shiftwork.live SET version = version + 1 WHERE id = $1',
        [run.id],
      );
      finishing = ledger.postgres.transaction((own) => ledger.executions.finishIn(own, endOfRun(run)));
      finishing.catch(() => undefined); // awaited below
      await waitFor('the finish to wait for the row', async () => {
        const waiting = await query(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${ledger.appName}%'`,
        );
        return waiting.length > 0;
      });
    });
    await finishing;
    expect(await statusOf(run.id)).toBe('FINISHED');
  });

  it('keep a checkpoint exactly if the transaction commits', async () => {
    const run = await started();
    await expect(
      ledger.postgres.transaction(async (manager) => {
        await ledger.progress.checkpoint(run.id, run.claim, '{"at":2}', manager);
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect((await ledger.reads.byId(run.id))?.checkpoint).toBeNull();
    await ledger.postgres.transaction((manager) =>
      ledger.progress.checkpoint(run.id, run.claim, '{"at":3}', manager),
    );
    expect((await ledger.reads.byId(run.id))?.checkpoint).toEqual({ at: 3 });
  });
});

describe('a start that is taken back', () => {
  it('makes the task wait again and counts nothing', async () => {
    const run = await started();
    await ledger.executions.release([{ taskId: run.id, claim: run.claim }]);
    expect(await ledger.reads.byId(run.id)).toMatchObject({
      status: 'QUEUED',
      interruptions: 0,
      attemptsMade: 0,
    });
    expect(await ledger.reads.executions(run.id)).toEqual([]);
  });

  // Proven: without the second half of RELEASE it waits again, and the cancel that was answered is forgotten.
  it('is CANCELLED when somebody asked for that meanwhile', async () => {
    const run = await started();
    expect(await cancelled(run.id)).toMatchObject([{ status: 'STARTED' }]);
    const start = { taskId: run.id, claim: run.claim };
    expect(await ledger.executions.release([start])).toEqual(['cancelled']);
    expect(await ledger.reads.byId(run.id)).toMatchObject({ status: 'CANCELLED', attemptsMade: 0 });
  });
});

describe('a task of a dead process', () => {
  // The judgement reads without locks; MOVE is what happens when somebody cancels between the two. Proven: without `stops` it is QUEUED.
  it.each(['QUEUED', 'FAILED'])(
    'is CANCELLED when somebody asked for that after it was judged %s',
    async (status) => {
      const run = await started();
      await cancelled(run.id);
      const error = JSON.stringify(anError);
      const verdict = [[run.id], [status], ['crashed'], [1], [true], [error]];
      const moved = await ledger.postgres.query({ text: MOVE }, [ledger.worker, 'r1', ...verdict]);
      expect(moved).toMatchObject([{ id: run.id, status: 'CANCELLED' }]);
      expect(await ledger.reads.byId(run.id)).toMatchObject({ status: 'CANCELLED', error: null });
      expect(await ledger.reads.executions(run.id)).toMatchObject([{ outcome: 'cancelled', error: null }]);
      expect(
        await query(`SELECT 1 FROM "${ledger.appName}".pending_failure WHERE task_id = '${run.id}'`),
      ).toEqual([]);
    },
  );
});

describe('a line that is written when the task has ended', () => {
  // Proven: with live rows alone the line of a job that has finished in its own transaction is dropped.
  it('is kept if its execution has ended it, and dropped if it is another one’s', async () => {
    const run = await started();
    await ledger.postgres.transaction((manager) => ledger.executions.finishIn(manager, endOfRun(run)));
    await line({ ...run, claim: claim() }, 'a stranger');
    await line(run, 'said after finish');
    expect((await ledger.reads.logs(run.id, 10, null)).map(({ message }) => message)).toEqual([
      'said after finish',
    ]);
  });
});

describe('lines of a task', () => {
  it('are kept in order, the newest thousand of them', async () => {
    const run = await started();
    const lines = Array.from({ length: 1_200 }, (_, i) => line(run, `line ${String(i)}`));
    await Promise.all(lines);
    const kept = await waitFor('the older lines to be gone', async () => {
      const rows = await ledger.reads.logs(run.id, 2_000, null);
      return rows.length === 1_000 ? rows : undefined;
    });
    expect(kept[0]?.message).toBe('line 200');
    expect(kept.at(-1)?.message).toBe('line 1199');
  });
});
