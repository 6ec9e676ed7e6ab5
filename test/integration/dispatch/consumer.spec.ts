import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Consumer, Consumers, Delivery, Disposition, Prepared } from '../../../src/dispatch/index.js';
import { deferred, type Deferred, newId } from '../../../src/foundation/index.js';
import { type DispatchWorld, entry, openDispatch } from '../../support/dispatch.js';
import { waitFor, within } from '../../support/wait.js';

let world: DispatchWorld;
const opened: Consumer[] = [];
let queues = 0;

beforeAll(async () => {
  world = await openDispatch();
});
afterAll(async () => {
  await world.close();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((consumer) => consumer.stop()));
});

/** A queue of its own for each test. */
async function newQueue(): Promise<string> {
  const queue = `q${++queues}`;
  await world.mark(queue);
  return queue;
}

interface Runs {
  /** Ids in the order in which they started. */
  readonly started: string[];
  readonly released: string[];
  readonly batches: number[];
  running: number;
  mostAtOnce: number;
}

interface Acts {
  /** How a run goes: resolves when the job has ended. At once by default. */
  run?(delivery: Delivery): Promise<void> | void;
  /** What the ledger says then. */
  record?(delivery: Delivery): Promise<Disposition> | Disposition;
  /** Refuses a delivery at its start. */
  refuse?(delivery: Delivery): Disposition | undefined;
  /** Commits the start. */
  commit?(deliveries: readonly Delivery[]): Promise<void>;
}

/** A worker that keeps a diary. */
function work(
  consumers: Consumers,
  names: string[],
  slots: number,
  acts: Acts = {},
): Runs & { consumer: Consumer } {
  const runs: Runs = { started: [], released: [], batches: [], running: 0, mostAtOnce: 0 };
  const prepared = (delivery: Delivery): Prepared => ({
    run: () => {
      runs.started.push(delivery.taskId);
      runs.mostAtOnce = Math.max(runs.mostAtOnce, ++runs.running);
      const ended = Promise.resolve(acts.run?.(delivery)).then(() => {
        runs.running--;
      });
      return { ended, disposition: ended.then(() => acts.record?.(delivery) ?? { kind: 'settled' }) };
    },
    release: () => {
      runs.released.push(delivery.taskId);
      return Promise.resolve({ kind: 'head' });
    },
  });
  const consumer = consumers.open({ queues: names, slots }, async (deliveries) => {
    runs.batches.push(deliveries.length);
    await acts.commit?.(deliveries);
    return deliveries.map((delivery) => acts.refuse?.(delivery) ?? prepared(delivery));
  });
  opened.push(consumer);
  return Object.assign(runs, { consumer });
}

/** Keys that are left of the queue besides its own bookkeeping. */
async function left(queue: string): Promise<string[]> {
  const keys = await world.redis.keys(world.key('*', queue));
  const own = ['meta', 'shiftwork-wake'].map((type) => world.key(type, queue));
  return keys.filter((key) => !own.includes(key));
}

/** Blocking reads of this world under way, as Redis sees them. */
async function waitingReads(): Promise<number> {
  const clients = String(await world.redis.client('LIST')).split('\n');
  const ours = clients.filter((each) => each.includes(`name=${world.appName}:blocking `));
  return ours.filter((each) => each.includes(' flags=b ')).length;
}

const putMany = async (queue: string, count: number): Promise<string[]> => {
  const entries = Array.from({ length: count }, () => entry({ queue }));
  await world.dispatcher.put(entries);
  return entries.map((each) => each.id);
};

describe('working', () => {
  it('runs every entry once, in order, at most as many at once as it has slots, and leaves nothing in Redis', async () => {
    const queue = await newQueue();
    const ids = await putMany(queue, 2_000);
    const runs = work(world.process().consumers, [queue], 4, {
      run: () => new Promise((resolve) => setImmediate(resolve)),
    });
    runs.consumer.start();
    await waitFor('all to run', () => runs.started.length === 2_000);
    await within('idle', runs.consumer.untilIdle());
    const returned = new Set(runs.released); // a slow machine: they were late, and went back
    expect(runs.started.filter((id) => !returned.has(id))).toEqual(ids.filter((id) => !returned.has(id)));
    expect(new Set(runs.started).size).toBe(2_000);
    expect(runs.mostAtOnce).toBe(4);
    expect(await left(queue)).toEqual([]);
    expect(Math.max(...runs.batches)).toBeGreaterThan(20); // short runs: fetched far ahead, started in few commits
  });

  it('fetches no more than its free slots while runs are long: nobody else idles meanwhile', async () => {
    const queue = await newQueue();
    await putMany(queue, 4);
    const gate = deferred();
    const [one, two] = [world.process(), world.process()];
    const a = work(one.consumers, [queue], 2, { run: () => gate.promise });
    a.consumer.start();
    await waitFor('the first to fill', () => a.started.length === 2);
    const b = work(two.consumers, [queue], 2, { run: () => gate.promise });
    b.consumer.start();
    await waitFor('the second to get the rest', () => b.started.length === 2);
    expect(a.consumer.ahead + b.consumer.ahead).toBe(0);
    gate.resolve();
  });

  it('locks what came in a batch and has not ended after a moment, so that a plain Bull worker leaves it alone', async () => {
    const queue = await newQueue();
    const ids = await putMany(queue, 300);
    const long = ids.slice(150, 154);
    const gate = deferred();
    const runs = work(world.process().consumers, [queue], 20, {
      run: (delivery) => (long.includes(delivery.taskId) ? gate.promise : undefined),
    });
    runs.consumer.start();
    await waitFor('all to run', () => runs.started.length === 300);
    const locks = long.map((id) => world.key(`${id}:lock`, queue));
    // Proven: without `watch` in `take` they never get one, and Bull's check takes them.
    await waitFor('their locks', async () => (await world.redis.exists(...locks)) === 4);
    const bull = world.bull(queue) as ReturnType<DispatchWorld['bull']> & {
      moveUnlockedJobsToWait(): Promise<unknown>;
    };
    for (let i = 0; i < 2; i++) {
      await bull.moveUnlockedJobsToWait();
      await world.redis.del(world.key('stalled-check', queue));
    }
    expect(await bull.getActiveCount()).toBe(4);
    const [job] = await bull.getActive();
    expect(job?.processedOn).toBeGreaterThan(0);
    gate.resolve();
    await within('idle', runs.consumer.untilIdle());
    await world.redis.del(world.key('stalled', queue));
    expect(await left(queue)).toEqual([]);
  });

  // Proven: without `tellAnswered` both stay; without the `finally` in Intake.fetch the second.
  it.each([
    ['when nothing is fetched after it', false],
    ['when the ledger refuses its starts', true],
  ])('leaves no note of a batch behind, also %s', async (_, isRefused) => {
    const queue = await newQueue();
    await putMany(queue, 200); // many short runs: from now on many are fetched at once
    const gates: Deferred<void>[] = [];
    const runs = work(world.process().consumers, [queue], 20, {
      commit: () => gates[0]?.promise ?? Promise.resolve(),
    });
    runs.consumer.start();
    await waitFor('the first to run', () => runs.started.length === 200);
    await within('idle', runs.consumer.untilIdle());
    const gate = deferred();
    gates.push(gate);
    await putMany(queue, 40);
    const key = world.key('shiftwork-batches', queue);
    await waitFor('a batch', async () => (await world.redis.exists(key)) === 1);
    const [note = ''] = await world.redis.hkeys(key);
    gates.length = 0;
    if (isRefused) gate.reject(new Error('refused'));
    else gate.resolve();
    await waitFor('no batch', async () => (await world.redis.hexists(key, note)) === 0);
    await waitFor('all to run', () => runs.started.length === 240);
  });

  it('takes from the first queue of a lane as long as it has any', async () => {
    const [high, low] = [await newQueue(), await newQueue()];
    const lowIds = await putMany(low, 3);
    const highIds = await putMany(high, 3);
    const runs = work(world.process().consumers, [high, low], 1);
    runs.consumer.start();
    await waitFor('all', () => runs.started.length === 6);
    expect(runs.started).toEqual([...highIds, ...lowIds]);
  });

  it('is woken by a put, on each of its queues, and by a resumed queue', async () => {
    const [high, low] = [await newQueue(), await newQueue()];
    const runs = work(world.process().consumers, [high, low], 3);
    runs.consumer.start();
    await waitFor('both to be empty', () => runs.consumer.fetches >= 2);
    for (const queue of [low, high, low]) {
      const [id = ''] = await putMany(queue, 1);
      await waitFor('the run', () => runs.started.includes(id), { deadlineMs: 5_000 });
    }
    await world.bull(low).pause();
    const [held = ''] = await putMany(low, 1);
    await world.bull(low).resume();
    await world.entries.wake(low);
    await waitFor('the run', () => runs.started.includes(held), { deadlineMs: 5_000 });
  });

  it('passes the wake on: a burst reaches every idle process', async () => {
    const queue = await newQueue();
    const gate = deferred();
    const workers = [1, 2, 3].map(() =>
      work(world.process().consumers, [queue], 1, { run: () => gate.promise }),
    );
    for (const each of workers) each.consumer.start();
    await waitFor('all to be idle', () => workers.every((each) => each.consumer.fetches > 0));
    await putMany(queue, 3);
    await waitFor('each to have one', () => workers.every((each) => each.started.length === 1), {
      deadlineMs: 10_000,
    });
    gate.resolve();
  });

  // Proven: if `looked` asks only whether anything is wanted, the busy one keeps the token, and the entry waits for its runs.
  it('passes the wake on while it would fetch so few that it waits for more', async () => {
    const [high, low] = [await newQueue(), await newQueue()];
    const gate = deferred();
    const busy = work(world.process().consumers, [high, low], 4, {
      run: (delivery) => (delivery.job === 'long' ? gate.promise : undefined),
    });
    busy.consumer.start();
    const [short = ''] = await putMany(low, 1); // a short run: from now on one may be fetched ahead
    await waitFor('the short run', () => busy.started.includes(short));
    await world.dispatcher.put(Array.from({ length: 4 }, () => entry({ queue: low, job: 'long' })));
    await waitFor('it to be busy', () => busy.running === 4 && busy.consumer.ahead === 0);
    const wanted = busy.consumer.wanted();
    expect([wanted, busy.consumer.isTooFew(wanted)]).toEqual([1, true]);
    const idle = work(world.process().consumers, [high, low], 1);
    idle.consumer.start();
    await waitFor('both to be empty', () => idle.consumer.fetches >= 2 && idle.consumer.ahead === 0);
    const [id = ''] = await putMany(high, 1); // the busy one has waited for longer, and is woken
    await waitFor('the run', () => idle.started.includes(id), { deadlineMs: 5_000 });
    gate.resolve();
  });

  it('lets go of the slot when the job has ended, and of the bound when it is recorded', async () => {
    const queue = await newQueue();
    await putMany(queue, 10);
    const commit = deferred();
    const { consumers } = world.process(undefined, 3);
    const runs = work(consumers, [queue], 2, {
      record: async () => {
        await commit.promise;
        return { kind: 'settled' };
      },
    });
    runs.consumer.start();
    // Two slots, but three unrecorded ends are allowed. Proven: without `mayStart` all ten start.
    await waitFor('the bound', () => consumers.unrecorded >= 3);
    await waitFor('a look at the clock', () => runs.consumer.inFlight === 0);
    expect(runs.started.length).toBeLessThanOrEqual(4);
    commit.resolve();
    await waitFor('the rest', () => runs.started.length === 10);
    await within('idle', runs.consumer.untilIdle());
    expect(await left(queue)).toEqual([]);
  });
});

describe('dispositions', () => {
  it('carries out each of them', async () => {
    const queue = await newQueue();
    const dueAt = Date.now() + 60_000;
    const answers: Disposition[] = [
      { kind: 'later', runAt: dueAt },
      { kind: 'later', runAt: Date.now() + 3_600_000 },
      { kind: 'park' },
      { kind: 'drop' },
      { kind: 'settled' },
    ];
    const ids = await putMany(queue, answers.length);
    const of = (delivery: Delivery): Disposition =>
      answers[ids.indexOf(delivery.taskId)] ?? { kind: 'settled' };
    const runs = work(world.process().consumers, [queue], 1, { refuse: of });
    runs.consumer.start();
    await waitFor('all to be answered', () => runs.batches.reduce((a, b) => a + b, 0) === answers.length);
    await within('idle', runs.consumer.untilIdle());
    expect(runs.started).toEqual([]);
    const [later = '', , , dropped = ''] = ids;
    expect((await left(queue)).sort()).toEqual(
      [
        world.key('active', queue),
        world.key('delayed', queue),
        world.key(dropped, queue),
        world.key(later, queue),
      ].sort(),
    );
    expect(await world.redis.zrange(world.key('delayed', queue), 0, -1)).toEqual([later]);
    expect(await world.redis.lrange(world.key('active', queue), 0, -1)).toEqual([dropped]);
  });

  it('runs a task again whose row waits for a moment, at that moment', async () => {
    const queue = await newQueue();
    const [first = '', second = ''] = await putMany(queue, 2);
    let dueAt = 0;
    const startedAt = new Map<string, number>();
    const runs = work(world.process().consumers, [queue], 1, {
      run: (delivery) => {
        startedAt.set(delivery.taskId, Date.now());
      },
      record: (delivery) =>
        delivery.taskId === first && dueAt === 0
          ? { kind: 'later', runAt: (dueAt = Date.now() + 300) }
          : { kind: 'settled' },
    });
    runs.consumer.start();
    await waitFor('all three runs', () => runs.started.length === 3);
    expect(runs.started).toEqual([first, second, first]);
    expect(startedAt.get(first)).toBeGreaterThanOrEqual(dueAt);
  });

  // Proven: with `later` for a refused start the four deliveries come within a few ms: one process and Redis are busy with it.
  it('hands an entry whose start is refused out again after a moment, also when Redis holds it to be due long ago', async () => {
    const queue = await newQueue();
    const deliveredAt: number[] = [];
    const runs = work(world.process().consumers, [queue], 1, {
      refuse: () => {
        if (deliveredAt.length === 3) return undefined;
        deliveredAt.push(performance.now());
        return { kind: 'later', runAt: Date.now() - 60_000 };
      },
      run: () => {
        deliveredAt.push(performance.now());
      },
    });
    runs.consumer.start();
    const [id = ''] = await putMany(queue, 1);
    await waitFor('the run', () => runs.started.includes(id));
    const gaps = deliveredAt.slice(1).map((at, i) => at - (deliveredAt[i] ?? 0));
    expect(gaps).toHaveLength(3);
    expect(Math.min(...gaps)).toBeGreaterThan(200);
    expect(Math.max(...gaps)).toBeLessThan(5_000); // nobody else looks: the timer does
  });

  // Proven: with LPUSH instead of RPUSH for `head` in GIVE_BACK the other one is first.
  it('runs a handed-over task before those that wait', async () => {
    const queue = await newQueue();
    const gate = deferred();
    const [handedOver = ''] = await putMany(queue, 1);
    const runs = work(world.process().consumers, [queue], 1, {
      run: () => gate.promise,
      record: () => (runs.started.length === 1 ? { kind: 'head' } : { kind: 'settled' }),
    });
    runs.consumer.start();
    await waitFor('the first run', () => runs.started.length === 1);
    await runs.consumer.quiet();
    const [waiting = ''] = await putMany(queue, 1);
    gate.resolve();
    await within('idle', runs.consumer.untilIdle());
    runs.consumer.resume();
    await waitFor('all three runs', () => runs.started.length === 3);
    expect(runs.started).toEqual([handedOver, handedOver, waiting]);
  });

  // Proven: without `leaveToHeir` in FETCH the first of the idle ones takes it.
  it('leaves what it hands over to the heir, however long others have been idle', async () => {
    const queue = await newQueue();
    const heir = world.process();
    const elders = [1, 2, 3].map(() => work(world.process().consumers, [queue], 1));
    const young = work(heir.consumers, [queue], 1);
    const gate = deferred();
    const leaving = work(world.process().consumers, [queue], 1, {
      run: () => gate.promise,
      record: () => ({ kind: 'head' }),
    });
    leaving.consumer.start();
    const [id = ''] = await putMany(queue, 1);
    await waitFor('the run', () => leaving.started.length === 1);
    for (const { consumer } of [...elders, young]) consumer.start();
    await waitFor('everybody to have looked', () =>
      [...elders, young].every(({ consumer }) => consumer.fetches > 0 && consumer.ahead === 0),
    );
    world.heir = heir.id;
    await leaving.consumer.quiet();
    gate.resolve();
    await waitFor('the next run', () => young.started.includes(id));
    expect(elders.flatMap(({ started }) => started)).toEqual([]);
    world.heir = null;
  });

  it('reports an entry as lost that waits again but is gone from Redis', async () => {
    const queue = await newQueue();
    const [id = ''] = await putMany(queue, 1);
    const gate = deferred();
    const runs = work(world.process().consumers, [queue], 1, {
      run: () => gate.promise,
      record: () => ({ kind: 'head' }),
    });
    runs.consumer.start();
    await waitFor('the run', () => runs.started.length === 1);
    await world.redis.del(...(await world.redis.keys(world.key('*', queue))));
    gate.resolve();
    await waitFor('the report', () => world.lost.includes(id));
    await putMany(queue, 1); // who touches the queue next notices that it was wiped as a whole
    await waitFor('the wipe to be noticed', () => world.wiped.includes(queue));
  });
});

describe('what was fetched ahead', () => {
  it('goes back when it does not start in time, and another worker takes it', async () => {
    const queue = await newQueue();
    const gate = deferred();
    const long = entry({ queue, job: 'long' });
    await world.dispatcher.put([
      ...Array.from({ length: 300 }, () => entry({ queue })),
      long,
      ...Array.from({ length: 20 }, () => entry({ queue })),
    ]);
    const run = (delivery: Delivery): Promise<void> | undefined =>
      delivery.job === 'long' ? gate.promise : undefined;
    const a = work(world.process().consumers, [queue], 1, { run });
    a.consumer.start();
    await waitFor('the long one', () => a.started.includes(long.id));
    await waitFor('nothing to be ahead', () => a.consumer.ahead === 0 && a.released.length > 0);
    const b = work(world.process().consumers, [queue], 1);
    b.consumer.start();
    await waitFor('the other worker', () => a.started.length + b.started.length === 321);
    gate.resolve();
    await within('idle', a.consumer.untilIdle());
    expect(new Set([...a.started, ...b.started]).size).toBe(321);
  });

  it('goes back at once when the worker goes quiet, in its old order, and nothing starts any more', async () => {
    const queue = await newQueue();
    const gate = deferred();
    const ids = await putMany(queue, 400);
    const a: Runs & { consumer: Consumer } = work(world.process().consumers, [queue], 1, {
      run: () => (a.started.length > 250 ? gate.promise : undefined),
    });
    a.consumer.start();
    await waitFor('the long one', () => a.started.length === 251);
    await within('quiet', a.consumer.quiet());
    await waitFor('nothing to be ahead', () => a.consumer.ahead === 0);
    expect(a.started).toHaveLength(251);
    gate.resolve();
    await within('idle', a.consumer.untilIdle());
    const b = work(world.process().consumers, [queue], 1);
    b.consumer.start();
    await waitFor('the rest', () => b.started.length === 149);
    expect(b.started).toEqual(ids.filter((id) => !a.started.includes(id)));
  });

  it('goes back unstarted when it is delivered to a worker that has gone quiet meanwhile', async () => {
    const queue = await newQueue();
    const commit = deferred();
    const ids = await putMany(queue, 5);
    const a = work(world.process().consumers, [queue], 5, { commit: () => commit.promise });
    a.consumer.start();
    await waitFor('the delivery', () => a.batches.length > 0);
    const quiet = a.consumer.quiet();
    expect(a.consumer.ahead).toBe(5);
    commit.resolve();
    await within('quiet', quiet);
    // Proven: if `prepare` fills the slots without looking whether the lane is open, all five start here.
    expect([a.started, a.released]).toEqual([[], ids]);
    await waitFor('the way back', async () => (await world.redis.llen(world.key('wait', queue))) === 5);
    a.consumer.resume();
    await waitFor('the runs', () => a.started.length === 5);
    expect(a.started).toEqual(ids);
  });

  it('goes back to its place when the ledger cannot start it, and is tried again', async () => {
    const queue = await newQueue();
    const ids = await putMany(queue, 5);
    let failures = 2;
    const a = work(world.process().consumers, [queue], 5, {
      commit: () => (failures-- > 0 ? Promise.reject(new Error('the ledger is away')) : Promise.resolve()),
    });
    a.consumer.start();
    await waitFor('the runs', () => a.started.length === 5);
    expect(a.started).toEqual(ids);
    await within('idle', a.consumer.untilIdle());
    expect(await left(queue)).toEqual([]);
  });
});

describe('a new identity', () => {
  // Proven: without `isOurs` in `prepare` it runs here, unlocked and unsignalled, whoever has rescued it meanwhile.
  it('does not run what was being started for the one before', async () => {
    const queue = await newQueue();
    const [id = ''] = await putMany(queue, 1);
    const process = world.process();
    const gate = deferred();
    const runs = work(process.consumers, [queue], 2, { commit: () => gate.promise });
    runs.consumer.start();
    await waitFor('a start to be asked for', () => runs.batches.length === 1);
    runs.consumer.suspend();
    process.become(newId());
    runs.consumer.unsuspend();
    gate.resolve();
    await waitFor('it to be given up', () => runs.released.length === 1);
    await waitFor('it to be fetched again', () => runs.started.length === 1);
    expect([runs.released, runs.started, runs.batches]).toEqual([[id], [id], [1, 1]]);
  });
});

describe('delays', () => {
  it('starts delayed entries when they are due, not before, in the order of their times', async () => {
    const queue = await newQueue();
    const lateness: number[] = [];
    const due = new Map<string, number>();
    const runs = work(world.process().consumers, [queue], 10, {
      run: (delivery) => {
        lateness.push(Date.now() - (due.get(delivery.taskId) ?? 0));
      },
    });
    runs.consumer.start();
    const now = Date.now();
    const entries = Array.from({ length: 10 }, (_, i) => entry({ queue, dueAt: now + 1_500 - 30 * i }));
    for (const each of entries) due.set(each.id, each.dueAt ?? 0);
    await world.dispatcher.put(entries); // together: one put after the other, the last may already be due
    await waitFor('all', () => lateness.length === 10);
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0);
    expect(runs.started).toEqual(entries.map((each) => each.id).reverse());
  });

  it('hands a due entry to somebody who has a free slot, though the one who keeps the time is busy', async () => {
    const queue = await newQueue();
    const gate = deferred();
    const busy = work(world.process().consumers, [queue], 1, { run: () => gate.promise });
    busy.consumer.start();
    const delayed = entry({ queue, dueAt: Date.now() + 500 });
    await world.dispatcher.put([entry({ queue }), delayed]); // it fetches the one and learns of the other
    await waitFor('it to be busy', () => busy.started.length === 1);
    const idle = work(world.process().consumers, [queue], 1);
    await world.redis.zadd(world.key('delayed', queue), 'XX', (Date.now() + 300) * 4096, delayed.id);
    idle.consumer.start();
    await waitFor('the due one', () => idle.started.includes(delayed.id), { deadlineMs: 5_000 });
    gate.resolve();
  });

  // Proven: without `comesFirst` in GIVE_BACK the idle one sleeps on: the one that has gone quiet sets no timer.
  it('hands what a quiet worker has given back for later to somebody who is idle, at that moment', async () => {
    const queue = await newQueue();
    const gate = deferred();
    const [id = ''] = await putMany(queue, 1);
    const going = work(world.process().consumers, [queue], 1, {
      run: () => gate.promise,
      record: () => ({ kind: 'later', runAt: Date.now() + 300 }),
    });
    going.consumer.start();
    await waitFor('the run', () => going.started.length === 1);
    await going.consumer.quiet();
    const token = world.key('shiftwork-wake', queue);
    await waitFor('its last word to the others', async () => (await world.redis.exists(token)) === 1);
    const idle = work(world.process().consumers, [queue], 1);
    idle.consumer.start();
    await waitFor('it to have heard that', async () => (await world.redis.exists(token)) === 0);
    await waitFor('it to wait for the next', async () => (await waitingReads()) > 0);
    gate.resolve();
    await waitFor('the second run', () => idle.started.includes(id), { deadlineMs: 5_000 });
  });
});

describe('suspects', () => {
  it('run one at a time in a process, whatever its slots, and all run in the end', async () => {
    const queue = await newQueue();
    const suspects = [
      entry({ queue, suspect: true }),
      entry({ queue, suspect: true }),
      entry({ queue, suspect: true }),
    ];
    await world.dispatcher.put([...suspects, entry({ queue })]);
    const gates = new Map<string, Deferred<void>>(suspects.map((each) => [each.id, deferred()]));
    let now = 0;
    let most = 0;
    const runs = work(world.process().consumers, [queue], 5, {
      run: async (delivery) => {
        if (!delivery.suspect) return;
        most = Math.max(most, ++now);
        await gates.get(delivery.taskId)?.promise;
        now--;
      },
    });
    runs.consumer.start();
    await waitFor('the innocent and one suspect', () => runs.started.length === 2);
    for (let n = 1; n <= 3; n++) {
      await waitFor(`suspect ${n}`, () => runs.started.length === 1 + n);
      gates.get(runs.started.filter((id) => gates.has(id)).at(-1) ?? '')?.resolve();
    }
    await within('idle', runs.consumer.untilIdle());
    expect(most).toBe(1); // Proven: without the seat all three run side by side.
    await waitFor('an empty queue', async () => (await left(queue)).length === 0);
  });
});
