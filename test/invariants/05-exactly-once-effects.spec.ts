import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deferred } from '../../src/foundation/index.js';
import { openInProcess, type InProcess } from '../support/in-process.js';
import type { RunningProcess } from '../support/processes.js';
import { World } from '../support/world.js';

const world = new World();
let app: InProcess;
let worker: RunningProcess;
beforeAll(async () => {
  [worker] = await Promise.all([world.role('worker'), world.web()]);
  await world.createEffects();
  app = await openInProcess(world.appName);
});
afterAll(async () => {
  await app.close();
  await world.end();
});

async function effectsOf(id: string): Promise<number[]> {
  return (
    await world.rows<{ step: number }>('SELECT step FROM app.effect WHERE task = $1 ORDER BY step', [id])
  ).map((row) => row.step);
}

describe('invariant 5: effects written in the task’s own transaction happen exactly once', () => {
  it('keeps each step beside its checkpoint', async () => {
    const { id } = await world.enqueue('test.effect', { steps: 5 });
    expect(await world.ended(id)).toMatchObject({ status: 'FINISHED', checkpoint: { step: 5 } });
    expect(await effectsOf(id)).toEqual([0, 1, 2, 3, 4]);
  });

  it('writes the outcome with the rows of the job', async () => {
    const { id } = await world.enqueue('test.effect', { steps: 2, finish: true });
    expect(await world.ended(id)).toMatchObject({ status: 'FINISHED', result: { steps: 2 }, execution: 1 });
    expect(await effectsOf(id)).toEqual([0, 1]);
  });

  // Proven: the progress was refused as if another execution had the task, and the signal of the run fired.
  it('leaves the claim with a run that has finished so and goes on', async () => {
    const { id } = await world.enqueue('test.effect', { steps: 1, finish: true }); // notes its progress afterwards
    await worker.waitForEvent('task.finished', { taskId: id });
    expect(worker.lines.filter(({ event, taskId }) => event === 'task.claimLost' && taskId === id)).toEqual(
      [],
    );
  });

  // Proven: without the look at its size the task was FINISHED, result and all.
  it('rolls the rows of the job back when its result cannot be kept', async () => {
    const { id } = await world.enqueue('test.effect', { finish: true, resultBytes: 300_000 });
    expect(await world.ended(id)).toMatchObject({
      status: 'FAILED',
      execution: 1,
      error: { code: 'result-too-large' },
    });
    expect(await effectsOf(id)).toEqual([]);
  });

  it('does not hold up anybody else’s outcome while a job keeps its transaction open', async () => {
    const holder = await world.enqueue('test.effect', { steps: 1, holdMs: 8_000 });
    await world.inStatus(holder.id, 'STARTED');
    for (const id of await world.bulk(
      'test.noop',
      Array.from({ length: 50 }, () => ({})),
    )) {
      expect(await world.ended(id)).toMatchObject({ status: 'FINISHED' });
    }
    expect((await world.task(holder.id)).status).toBe('STARTED');
    expect(await world.ended(holder.id)).toMatchObject({ status: 'FINISHED' });
    expect(await effectsOf(holder.id)).toEqual([0]);
  });
});

describe('enqueue in the caller’s own transaction', () => {
  it('makes nothing run when it rolls back', async () => {
    let id = '';
    await expect(
      app.postgres.dataSource.transaction(async (transaction) => {
        id = (await app.tasks.enqueue('test.noop', { never: true }, { transaction, key: 'rolled-back' })).id;
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect(await world.rows('SELECT 1 FROM app.task WHERE id = $1', [id])).toEqual([]);
    expect((await world.request('GET', `/tasks/${id}`)).status).toBe(404);
  });

  // Proven: without the commit hook in tasks/enqueue.ts it waits for the sweep, longer than this test does.
  it('makes it run at once when it commits, also behind a savepoint', async () => {
    let ids: string[] = [];
    await app.postgres.dataSource.transaction(async (transaction) => {
      const outer = await app.tasks.enqueue('test.noop', { outer: true }, { transaction });
      const inner = await transaction.transaction((savepoint) =>
        app.tasks.enqueue('test.noop', { inner: true }, { transaction: savepoint }),
      );
      ids = [outer.id, inner.id];
      expect(await world.rows('SELECT 1 FROM app.task WHERE id = ANY($1)', [ids])).toEqual([]);
    });
    for (const id of ids)
      expect(await world.ended(id, 30_000)).toMatchObject({ status: 'FINISHED', execution: 1 });
  });

  // Proven: while it was read back on another connection, which cannot see it, the second request was told of another payload.
  it('answers the same request of the same transaction with the same task, and refuses another one with its key', async () => {
    const again = await app.postgres.dataSource.transaction(async (transaction) => {
      const options = { transaction, idempotencyKey: 'twice in one transaction' };
      const first = await app.tasks.enqueue('test.noop', { n: 1 }, options);
      const second = await app.tasks.enqueue('test.noop', { n: 1 }, options);
      expect(second).toMatchObject({ id: first.id, isNew: false, payload: { n: 1 } });
      await expect(app.tasks.enqueue('test.noop', { n: 2 }, options)).rejects.toMatchObject({
        code: 'idempotency-key-reused',
      });
      return second;
    });
    expect(await world.ended(again.id, 30_000)).toMatchObject({ status: 'FINISHED', execution: 1 });
  });

  // Proven: while it was read back on another connection, each transaction waited for one that the others had, and was told 503.
  it('answers a key that was used before also where such transactions have every connection', async () => {
    const { dataSource } = app.postgres;
    const { poolSize = 0 } = dataSource.options;
    const keys = Array.from({ length: poolSize }, (_, i) => `used before ${String(i)}`);
    const used = await Promise.all(
      keys.map((idempotencyKey) => app.tasks.enqueue('test.noop', {}, { idempotencyKey })),
    );
    const [allInside, inside] = [deferred(), new Set<string>()];
    const again = await Promise.all(
      keys.map((idempotencyKey) =>
        dataSource.transaction(async (transaction) => {
          if (inside.add(idempotencyKey).size === poolSize) allInside.resolve();
          await allInside.promise;
          return app.tasks.enqueue('test.noop', {}, { transaction, idempotencyKey });
        }),
      ),
    );
    expect(again.map(({ id, isNew }) => ({ id, isNew }))).toEqual(
      used.map(({ id }) => ({ id, isNew: false })),
    );
  });
});
