import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DismissFailedTasks, Prune, RetryFailedTasks } from '../../../src/ledger/index.js';
import { mintClaim, openWorld, type World } from '../../support/failures.js';
import { waitFor } from '../../support/wait.js';

let world: World;
let retries: RetryFailedTasks;
beforeEach(async () => {
  world = await openWorld();
  retries = new RetryFailedTasks(world.postgres, world.outbox);
});
afterEach(async () => {
  await world.close();
});

/** Open FailedTasks of as many failures; answers their ids, oldest first. */
async function failedTasks(count: number, job = 'test.job'): Promise<string[]> {
  await world.fail(count, { job });
  await (await world.join()).handleAll();
  return (await world.failedTasks()).slice(-count).map(({ id }) => id);
}

async function countRetries(): Promise<number> {
  return (await world.postgres.query({ text: 'SELECT 1 FROM shiftwork.task WHERE retry_of IS NOT NULL' }))
    .length;
}

const WAITING = {
  text: `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1`,
};

describe('a retry', () => {
  it('copies the task, waits to be dispatched, and closes the FailedTask, in one commit', async () => {
    const [id = ''] = await failedTasks(1);
    const retried = await retries.retryOne(id, null, 'a person');
    const [task] = await world.postgres.query(
      {
        text: `SELECT t.job, t.payload, t.retry_of, l.status, o.process FROM shiftwork.task t JOIN shiftwork.live l USING (id)
               JOIN shiftwork.outbox o ON t.id = ANY(o.task_ids) WHERE t.id = $1`,
      },
      [retried?.task],
    );
    expect(task).toEqual({
      job: 'test.job',
      payload: { n: 1 },
      retry_of: id,
      status: 'QUEUED',
      process: world.runner.id,
    });
    expect(await world.reads.byId(id)).toMatchObject({ state: 'RETRIED', retriedAs: retried?.task });
    expect(await world.reads.audit(id)).toMatchObject([{ who: 'a person', action: 'retry', reason: null }]);
  });

  // Proven: without FOR UPDATE in retry-failed-tasks.ts all of them see it open and go on.
  it('waits for whoever is just closing it, and then makes no second task', async () => {
    const [id = ''] = await failedTasks(1);
    let late: Promise<unknown[]> = Promise.resolve([]);
    await world.postgres.transaction(async (manager) => {
      await world.postgres.queryIn(manager, `SELECT 1 FROM shiftwork.failed_task WHERE id = $1 FOR UPDATE`, [
        id,
      ]);
      late = Promise.all([1, 2, 3].map(() => retries.retryOne(id, null, 'another')));
      // Not on the holder's connection: within a transaction the server shows the same activity again and again.
      await waitFor(
        'three who wait',
        async () => (await world.postgres.query(WAITING, [`%"${world.appName}".failed_task%`])).length === 3,
      );
      await world.postgres.queryIn(
        manager,
        `UPDATE shiftwork.failed_task SET state = 'DISMISSED', closed_at = now() WHERE id = $1`,
        [id],
      );
    });
    expect(await late).toEqual([null, null, null]);
    expect(await countRetries()).toBe(0);
    expect(await world.reads.byId(id)).toMatchObject({ state: 'DISMISSED' });
  });

  it('of many takes those that fit and are open, and passes over one that somebody holds', async () => {
    const [held, dismissed] = await failedTasks(5);
    await failedTasks(3, 'another.job');
    await new DismissFailedTasks(world.postgres).dismissOne(String(dismissed), 'a person', 'not needed');
    await world.postgres.transaction(async (holder) => {
      await world.postgres.queryIn(holder, 'SELECT 1 FROM shiftwork.failed_task WHERE id = $1 FOR UPDATE', [
        held,
      ]);
      const some = await world.postgres.transaction((manager) =>
        retries.retrySome(manager, { job: 'test.job' }, 500, 'a person'),
      );
      expect(some).toHaveLength(3);
    });
    expect(
      await world.postgres.transaction((manager) =>
        retries.retrySome(manager, { job: 'test.job' }, 500, 'a person'),
      ),
    ).toHaveLength(1);
    expect(await countRetries()).toBe(4);
    expect(await world.reads.countOpen({})).toMatchObject({ matched: 3 });
  });

  // A Date knows no parts of a millisecond. Proven: with the plain now() the time is before that of failures which were counted.
  it('of many begins with a time by which all that it counts have failed', async () => {
    const { postgres, reads } = world;
    const IS_LATER = 'SELECT $1::timestamptz >= $2::timestamptz AS later';
    for (let round = 0; round < 50; round++) {
      const [failed] = await postgres.query<{ at: string }>({ text: 'SELECT now()::text AS at' });
      const { at } = await reads.countOpen({});
      expect(await postgres.query({ text: IS_LATER }, [at, failed?.at])).toEqual([{ later: true }]);
    }
  });
});

describe('retention', () => {
  it('deletes what ended long ago; a FailedTask keeps its task until it is closed and old itself, and stays RESOLVED', async () => {
    const [open = '', resolved = ''] = await failedTasks(2);
    const retried = await retries.retryOne(resolved, null, 'a person');
    const claim = { taskId: String(retried?.task), claim: mintClaim(world.runner) };
    await world.executions.start(world.runner.id, [claim]);
    await world.executions.end({
      id: claim.taskId,
      claim: claim.claim,
      status: 'FINISHED',
      outcome: 'finished',
      result: '1',
      error: null,
      dueAt: null,
      chargeAttempt: false,
      countInterruption: false,
      failureKind: null,
    });
    expect(await world.reads.byId(resolved)).toMatchObject({ state: 'RESOLVED' });

    const prune = new Prune(world.postgres);
    const { signal } = new AbortController();
    expect(await prune.tasks(1, signal)).toBe(0); // nothing is old
    await world.age(200);
    expect(await prune.tasks(30, signal)).toBe(1); // the retry; the failed ones stay
    expect(await world.reads.byId(resolved)).toMatchObject({ state: 'RESOLVED' });
    expect(await prune.failedTasks(180, signal)).toBe(1);
    expect(await world.reads.byId(resolved)).toBeNull();
    expect(await world.reads.byId(open)).toMatchObject({ state: 'OPEN' });
    expect(await world.postgres.query({ text: 'SELECT 1 FROM shiftwork.task' })).toHaveLength(1);
  });
});

describe('a dismissal', () => {
  // Proven: with SKIP LOCKED it is answered as if it had been dismissed before, and the FailedTask is still open.
  it.each(['one', 'all'])('of %s waits for whoever has the FailedTask for a moment', async (which) => {
    const dismissals = new DismissFailedTasks(world.postgres);
    const [id = ''] = await failedTasks(1);
    let dismissing: Promise<boolean | number> = Promise.resolve(false);
    await world.postgres.transaction(async (manager) => {
      await world.postgres.queryIn(manager, `SELECT 1 FROM shiftwork.failed_task WHERE id = $1 FOR UPDATE`, [
        id,
      ]);
      dismissing =
        which === 'one'
          ? dismissals.dismissOne(id, 'a person', null)
          : dismissals.dismissAll({}, 'a person', null);
      await waitFor(
        'it to wait',
        async () => (await world.postgres.query(WAITING, [`%"${world.appName}".failed_task%`])).length === 1,
      );
    });
    expect(Number(await dismissing)).toBe(1);
    expect(await world.reads.byId(id)).toMatchObject({ state: 'DISMISSED' });
  });
});
