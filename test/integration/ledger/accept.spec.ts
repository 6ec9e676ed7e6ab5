import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deferred } from '../../../src/foundation/index.js';
import { type NewTask, type TaskFilter, type TaskRow, TasksHeldError } from '../../../src/ledger/index.js';
import { newTask, openLedger, type OpenLedger } from '../../support/ledger.js';
import { within } from '../../support/wait.js';

let ledger: OpenLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(async () => {
  await ledger.close();
});

/** What became of each, once it is known. */
async function acceptKeyed(...tasks: NewTask[]) {
  const outcomes = await ledger.keyed.acceptEach(tasks);
  return Promise.all(outcomes.map(async (outcome) => outcome));
}

/** Somebody's transaction that has used a key and does not end before `release`. */
async function holdKey(idempotencyKey: string) {
  const [held, end] = [deferred(), deferred()];
  const task = newTask({ idempotencyKey });
  const transaction = ledger.postgres.transaction(async (manager) => {
    await ledger.accepting.acceptIn(manager, [task]);
    held.resolve();
    await end.promise;
  });
  await held.promise;
  return {
    id: task.id,
    release: () => {
      end.resolve();
      return transaction;
    },
  };
}

function codeOf(outcome: Promise<unknown>): Promise<unknown> {
  return outcome.then(
    () => 'accepted',
    (error: unknown) => (error as { code?: string }).code,
  );
}

async function rowsOf(ids: readonly string[]): Promise<TaskRow[]> {
  const rows = await Promise.all(ids.map((id) => ledger.reads.byId(id)));
  return rows.filter((row) => row !== null);
}

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
    expect(await ledger.outboxTasks()).toContain(task.id);
  });

  it('gives one task to fifty requests with the same idempotency key', async () => {
    const requests = Array.from({ length: 50 }, () => newTask({ idempotencyKey: 'once', requestHash: 'h' }));
    const outcomes = await Promise.all(requests.map((task) => acceptKeyed(task)));
    const accepted = outcomes.flat().map((outcome) => (outcome instanceof Error ? outcome.message : outcome));
    expect(new Set(accepted.map((each) => (typeof each === 'string' ? each : each.id))).size).toBe(1);
    expect(accepted.filter((each) => typeof each !== 'string' && each.isNew)).toHaveLength(1);
    expect(await ledger.reads.page({ q: 'once' }, 10, null)).toHaveLength(1);
  });

  it('accepts the same key twice in one statement as one task', async () => {
    const outcomes = await acceptKeyed(
      newTask({ idempotencyKey: 'twice' }),
      newTask({ idempotencyKey: 'twice' }),
    );
    expect(outcomes).toMatchObject([{ isNew: true }, { isNew: false }]);
  });

  it('answers all others while an open transaction holds a key, and whoever wants that key that it is in flight', async () => {
    const { release } = await holdKey('held');
    const mine = Array.from({ length: 20 }, () => newTask({ idempotencyKey: 'held' }));
    const others = Array.from({ length: 20 }, (_, i) => newTask({ idempotencyKey: `free ${String(i)}` }));
    const batches = [0, 1, 2, 3, 4].map((i) => [
      ...mine.slice(4 * i, 4 * i + 4),
      ...others.slice(4 * i, 4 * i + 4),
    ]);
    const outcomes = (await Promise.all(batches.map((tasks) => ledger.keyed.acceptEach(tasks)))).flat();
    const ofMine = outcomes.filter((outcome) => outcome instanceof Promise).map(codeOf);
    expect(outcomes.filter((outcome) => 'isNew' in outcome && outcome.isNew)).toHaveLength(20);
    // More than there are connections: whoever waits for the key must not hold them all.
    const plain = Array.from({ length: 12 }, () => ledger.accepting.acceptEach([newTask()]));
    expect((await Promise.all(plain)).flat()).toHaveLength(12);
    // Proven: had each waited on a connection of its own, they would have been answered by now.
    const pending = Promise.race([...ofMine, setImmediate('nobody')]);
    expect(await pending).toBe('nobody');
    expect(await Promise.all(ofMine)).toEqual(Array.from({ length: 20 }, () => 'key-in-flight'));
    await release();
    expect(await acceptKeyed(...mine.slice(0, 1))).toMatchObject([{ isNew: false }]);
  });

  it('gives whoever waits for a key the task that was committed meanwhile', async () => {
    const { id, release } = await holdKey('soon');
    const [waiting] = await ledger.keyed.acceptEach([newTask({ idempotencyKey: 'soon' })]);
    expect(waiting).toBeInstanceOf(Promise);
    await release();
    expect(await waiting).toMatchObject({ id, isNew: false });
  });

  it('keeps every payload to the letter, in a batch of one job as in a mixed one', async () => {
    const awkward = [
      '{"s":"a\\u001eb\\u0000c"}',
      '{"quote":"\\"{}\\\\,","n":1e3}',
      '"\u2028 ä 漢 😀"',
      'null',
      '[]',
    ];
    const alike = awkward.map((payloadText) => newTask({ payloadText }));
    const mixed = awkward.map((payloadText, i) => newTask({ payloadText, job: `test.${String(i)}` }));
    await ledger.accepting.acceptEach(alike);
    await ledger.accepting.acceptEach(mixed);
    for (const tasks of [alike, mixed]) {
      const rows = await ledger.postgres.query<{ id: string; payload: string; job: string }>(
        { text: 'SELECT id, payload::text, job FROM shiftwork.task WHERE id = ANY($1) ORDER BY id' },
        [tasks.map((task) => task.id)],
      );
      expect(rows).toEqual(tasks.map(({ id, payloadText, job }) => ({ id, payload: payloadText, job })));
    }
  });

  it('gives each task of a batch its own options, and writes one without any the same way', async () => {
    const dueAt = new Date(Date.now() + 60_000);
    const plain = newTask({ attemptsMax: 7, timeoutMs: 900, backoff: { type: 'exponential', delay: 5 } });
    const twin = { ...plain, id: newTask().id };
    const other = { ...plain, id: newTask().id, key: 'k', priority: 3, dueAt };
    await ledger.accepting.acceptEach([plain]);
    await ledger.accepting.acceptEach([other]);
    await ledger.accepting.acceptEach([newTask({ queue: 'other' }), twin]);
    const [ofPlain, ofOther, ofTwin] = await Promise.all(
      [plain, other, twin].map(({ id }) => ledger.reads.byId(id)),
    );
    expect(ofOther).toMatchObject({
      key: 'k',
      priority: 3,
      status: 'SCHEDULED',
      runAt: dueAt,
    });
    expect(ofPlain).toMatchObject({
      attemptsMax: 7,
      timeoutMs: 900,
      backoff: plain.backoff,
      status: 'QUEUED',
    });
    const times = { id: '', createdAt: null, runAt: null };
    expect({ ...ofTwin, ...times }).toEqual({ ...ofPlain, ...times });
  });

  it('refuses one bad row without its batch-mates', async () => {
    const tasks = [newTask(), newTask({ payloadText: '{broken' }), newTask()];
    const { outcomes } = await ledger.accepting.acceptEach(tasks);
    expect(outcomes.map((outcome) => outcome instanceof Error)).toEqual([false, true, false]);
    expect(await rowsOf(tasks.map((task) => task.id))).toHaveLength(2);
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
  const cancelAll = async (
    filter: TaskFilter,
    batch: number,
    onHeld?: (ids: readonly string[]) => void,
  ): Promise<string[]> => {
    const ids: string[] = [];
    for await (const outcomes of ledger.cancels.matching(filter, batch, onHeld))
      ids.push(...outcomes.map((outcome) => outcome.id));
    return ids;
  };

  /** Six tasks, and what comes of cancelling them in twos while a transaction `holds` the first; `meanwhile` before it commits. */
  const whileOneIsHeld = async (
    job: string,
    hold: string,
    meanwhile?: (ids: readonly string[]) => Promise<void>,
  ) => {
    const tasks = Array.from({ length: 6 }, () => newTask({ job }));
    await ledger.accepting.acceptAll(tasks);
    const ids = tasks.map((task) => task.id);
    const { cancelling } = await ledger.postgres.transaction(async (manager) => {
      await ledger.postgres.queryIn(manager, hold, [ids[0]]);
      const held = deferred<readonly string[]>();
      const walk = cancelAll({ job }, 2, held.resolve);
      walk.catch(() => undefined); // whoever waits for it hears of it
      expect(await within('word of who is held', held.promise)).toEqual([ids[0]]);
      await meanwhile?.(ids);
      return { cancelling: walk };
    });
    return { ids, cancelled: await cancelling };
  };
  const HOLD = 'SELECT 1 FROM shiftwork.live WHERE id = $1 FOR UPDATE';

  // Proven: without SKIP LOCKED it waits, and keeps the rows before it from their workers; the walk is cut off after 10 s.
  it('does not wait for a task whose job has it locked; it comes back to it when the others are done', async () => {
    const { ids, cancelled } = await whileOneIsHeld('cancel.held', HOLD, async (all) => {
      const rows = await rowsOf(all.slice(1));
      expect(rows.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'CANCELLED'));
    });
    expect(cancelled).toEqual([...ids.slice(1), ids[0]]);
  });

  // Proven: while all were answered together, whoever asked never heard of those that were done.
  it('says so when one is held too long, and tells of the others at once', async () => {
    const free = newTask({ job: 'cancel.free' });
    await ledger.accepting.acceptAll([free]);
    const done: string[] = [];
    const walk = whileOneIsHeld('cancel.stuck', HOLD, async ([held = '']) => {
      const cancelling = async (): Promise<void> => {
        for await (const some of ledger.cancels.byIds([held, free.id]))
          done.push(...some.map(({ id }) => id));
      };
      await expect(cancelling()).rejects.toThrow(TasksHeldError);
    });
    await walk.catch(() => undefined); // its own walk gives up, too
    expect(done).toEqual([free.id]);
  });

  // Proven: while a batch that was not full counted as the last, only one of the five was cancelled.
  it('goes on when some of a batch have ended before it could lock them', async () => {
    const end = 'DELETE FROM shiftwork.live WHERE id = $1'; // a worker ends it
    const { ids, cancelled } = await whileOneIsHeld('cancel.race', end);
    expect(cancelled).toEqual(ids.slice(1));
  });

  // Proven: without the bound the walk also takes what was accepted in the midst of it.
  it('leaves alone what was accepted after it was asked for', async () => {
    const [before, after] = [newTask({ job: 'cancel.before' }), newTask({ job: 'cancel.before' })];
    await ledger.accepting.acceptAll([before]);
    const walk = ledger.cancels.matching({ job: 'cancel.before' }, 1);
    const first = await walk.next();
    await ledger.accepting.acceptAll([after]);
    expect([first.value, (await walk.next()).value]).toEqual([
      [expect.objectContaining({ id: before.id })],
      [],
    ]);
  });

  it('ends waiting tasks that match, in the ledger at once', async () => {
    const tasks = Array.from({ length: 3 }, () => newTask({ job: 'cancel.me', key: 'c' }));
    await ledger.accepting.acceptEach([...tasks, newTask({ key: 'c' })]);
    expect(await cancelAll({ job: 'cancel.me' }, 500)).toHaveLength(3);
    expect((await rowsOf(tasks.map((task) => task.id))).map((row) => row.status)).toEqual([
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
