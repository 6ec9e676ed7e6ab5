import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deferred } from '../../../src/foundation/index.js';
import { newTask, openLedger, type OpenLedger } from '../../support/ledger.js';

let ledger: OpenLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(async () => {
  await ledger.close();
});

describe('accepting', () => {
  it('writes the task, its live row and a reminder for the relay in one commit', async () => {
    const task = newTask({ key: 'order:17', priority: 5 });
    await ledger.accepting.acceptEach([task]);
    expect(await ledger.reads.byId(task.id)).toMatchObject({
      status: 'QUEUED',
      payload: { n: 1 },
      key: 'order:17',
      priority: 5,
      execution: 0,
    });
    expect((await ledger.outbox.ofProcess(ledger.worker)).flatMap((box) => box.taskIds)).toContain(task.id);
  });

  it('forgets the reminder once the tasks have reached Redis', async () => {
    const tasks = [newTask(), newTask()];
    await ledger.accepting.acceptEach(tasks);
    ledger.outbox.dispatched([tasks[0]?.id ?? '']);
    await ledger.outbox.deleteEmpty();
    expect((await ledger.outbox.ofProcess(ledger.worker)).flatMap((box) => box.taskIds)).toContain(
      tasks[1]?.id,
    );
    ledger.outbox.dispatched([tasks[1]?.id ?? '']);
    // Sixteen go together, with the next accept; one alone would go within a second.
    for (let others = 1; others < 16; others++) {
      const other = newTask();
      await ledger.accepting.acceptEach([other]);
      ledger.outbox.dispatched([other.id]);
    }
    await ledger.accepting.acceptEach([newTask()]);
    expect((await ledger.outbox.ofProcess(ledger.worker)).flatMap((box) => box.taskIds)).not.toContain(
      tasks[1]?.id,
    );
  });

  it('gives one task to fifty requests with the same idempotency key', async () => {
    const requests = Array.from({ length: 50 }, () => newTask({ idempotencyKey: 'once', requestHash: 'h' }));
    const outcomes = await Promise.all(requests.map((task) => ledger.accepting.acceptEach([task])));
    const accepted = outcomes.flat().map((outcome) => (outcome instanceof Error ? outcome.message : outcome));
    expect(new Set(accepted.map((each) => (typeof each === 'string' ? each : each.id))).size).toBe(1);
    expect(accepted.filter((each) => typeof each !== 'string' && each.isNew)).toHaveLength(1);
    expect(await ledger.reads.page({ q: 'once' }, 10, null)).toHaveLength(1);
  });

  it('accepts the same key twice in one statement as one task', async () => {
    const outcomes = await ledger.accepting.acceptEach([
      newTask({ idempotencyKey: 'twice' }),
      newTask({ idempotencyKey: 'twice' }),
    ]);
    expect(outcomes).toMatchObject([{ isNew: true }, { isNew: false }]);
  });

  it('lets a key that an open transaction holds delay nobody else, and says that it is in flight', async () => {
    const hold = deferred();
    const held = deferred();
    const transaction = ledger.postgres.transaction(async (manager) => {
      await ledger.accepting.acceptAll([newTask({ idempotencyKey: 'held' })], manager);
      held.resolve();
      await hold.promise;
    });
    await held.promise;
    const [mine, others] = [newTask({ idempotencyKey: 'held' }), newTask()];
    const blocked = ledger.accepting.acceptEach([mine]);
    expect(await ledger.accepting.acceptEach([others])).toMatchObject([{ isNew: true }]);
    expect(await blocked).toMatchObject([{ code: 'key-in-flight' }]);
    hold.resolve();
    await transaction;
    expect(await ledger.accepting.acceptEach([mine])).toMatchObject([{ isNew: false }]);
  });

  it('refuses one bad row without its batch-mates', async () => {
    const tasks = [newTask(), newTask({ payloadText: '{broken' }), newTask()];
    const outcomes = await ledger.accepting.acceptEach(tasks);
    expect(outcomes.map((outcome) => outcome instanceof Error)).toEqual([false, true, false]);
    expect(await ledger.reads.byIds(tasks.map((task) => task.id))).toHaveLength(2);
  });

  it('of many in one transaction is all or nothing', async () => {
    const good = Array.from({ length: 1_500 }, () => newTask({ job: 'bulk.good' }));
    await ledger.accepting.acceptAll(good);
    expect(await ledger.reads.waitingCount('default', 10_000)).toBeGreaterThanOrEqual(1_500);
    const bad = [
      ...Array.from({ length: 1_200 }, () => newTask({ job: 'bulk.bad' })),
      newTask({ job: 'bulk.bad', payloadText: '{' }),
    ];
    await expect(ledger.accepting.acceptAll(bad)).rejects.toThrow();
    expect(await ledger.reads.page({ job: 'bulk.bad' }, 10, null)).toEqual([]);
  });
});

describe('cancelling', () => {
  it('ends waiting tasks that match, in the ledger at once', async () => {
    const tasks = Array.from({ length: 3 }, () => newTask({ job: 'cancel.me', key: 'c' }));
    await ledger.accepting.acceptEach([...tasks, newTask({ key: 'c' })]);
    expect(await ledger.cancels.matching({ job: 'cancel.me' }, 500)).toHaveLength(3);
    expect((await ledger.reads.byIds(tasks.map((task) => task.id))).map((row) => row.status)).toEqual([
      'CANCELLED',
      'CANCELLED',
      'CANCELLED',
    ]);
    expect((await ledger.reads.page({ key: 'c', status: 'QUEUED' }, 10, null)).map((row) => row.job)).toEqual(
      ['test.job'],
    );
  });
});

describe('lists', () => {
  it('page through every task once, newest first, and find an id by its prefix', async () => {
    const tasks = Array.from({ length: 7 }, () => newTask({ job: 'list.me' }));
    await ledger.accepting.acceptAll(tasks);
    const first = await ledger.reads.page({ job: 'list.me' }, 4, null);
    const second = await ledger.reads.page({ job: 'list.me' }, 4, first.at(-1)?.id ?? null);
    expect([...first, ...second].map((row) => row.id)).toEqual(
      tasks
        .map((task) => task.id)
        .sort()
        .reverse(),
    );
    const wanted = tasks[3]?.id ?? '';
    expect((await ledger.reads.page({ q: wanted.slice(0, 30) }, 10, null)).map((row) => row.id)).toContain(
      wanted,
    );
  });

  it('show a scheduled task as QUEUED once its time has come', async () => {
    const task = newTask({ queue: 'alone', dueAt: new Date(Date.now() + 60_000) });
    await ledger.accepting.acceptEach([task]);
    expect((await ledger.reads.byId(task.id))?.status).toBe('SCHEDULED');
    await ledger.moves.promote(task.id);
    expect(await ledger.reads.byId(task.id)).toMatchObject({ status: 'QUEUED' });
    expect(await ledger.reads.position(task.id)).toBe(1);
  });
});
