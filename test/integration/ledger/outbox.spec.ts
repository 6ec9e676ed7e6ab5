import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../../../src/foundation/index.js';
import type { NewTask } from '../../../src/ledger/index.js';
import { newTask, openLedger, type OpenLedger } from '../../support/ledger.js';

let ledger: OpenLedger;
beforeAll(async () => {
  ledger = await openLedger();
});
afterAll(async () => {
  await ledger.close();
});

/** Two tasks of one statement, and so of one box. */
async function acceptTwo(): Promise<[first: string, second: string]> {
  const [first, second] = [newTask(), newTask()];
  await ledger.accepting.acceptAll([first, second]);
  return [first.id, second.id];
}

// Proven: with `left.length > 0` taken out, the first box goes with its first task.
it('keeps the row of a statement until each of its tasks has reached Redis', async () => {
  const [a, b, c] = [await acceptTwo(), await acceptTwo(), await acceptTwo()];
  ledger.outbox.dispatched([a[0], ...b]);
  await ledger.outbox.deleteEmpty();
  expect(await ledger.outboxTasks()).toEqual([...a, ...c].sort());
  ledger.outbox.dispatched([c[1], a[1]]);
  await ledger.outbox.deleteEmpty();
  expect(await ledger.outboxTasks()).toEqual([...c].sort());
  ledger.outbox.dispatched([c[0]]);
  await ledger.outbox.deleteEmpty();
  expect(await ledger.outboxTasks()).toEqual([]);
});

// Proven: with a thousand MOST_BOXES the oldest is remembered, too.
it('forgets the oldest of many that never reach Redis: their rows are left to the sweep', async () => {
  const oldest = await acceptTwo();
  for (let i = 0; i < 100; i++) ledger.outbox.opened(newId(), [newId()]);
  const newest = await acceptTwo();
  ledger.outbox.dispatched([...oldest, ...newest]);
  await ledger.outbox.deleteEmpty();
  expect(await ledger.outboxTasks()).toEqual([...oldest].sort());
});

it('is emptied by the next accept, sixteen rows at a time', async () => {
  const tasks = Array.from({ length: 16 }, () => newTask());
  const accept = async (task: NewTask) => (await ledger.accepting.acceptEach([task])).onDisk;
  for (const task of tasks) {
    await accept(task);
    ledger.outbox.dispatched([task.id]);
  }
  await accept(newTask());
  expect(await ledger.outboxTasks()).not.toContain(tasks[0]?.id);
});
