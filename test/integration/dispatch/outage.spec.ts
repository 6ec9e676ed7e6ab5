import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Consumer, Delivery, Prepared } from '../../../src/dispatch/index.js';
import { deferred } from '../../../src/foundation/index.js';
import { DispatchUnavailableError } from '../../../src/redis/index.js';
import { type DispatchWorld, entry, openDispatch, QUEUE } from '../../support/dispatch.js';
import { Proxy } from '../../support/proxy.js';
import { redisUrl } from '../../support/servers.js';
import { waitFor, within } from '../../support/wait.js';

let proxy: Proxy;
let world: DispatchWorld;
let consumer: Consumer | undefined;
beforeEach(async () => {
  proxy = await Proxy.to(redisUrl());
  world = await openDispatch({ REDIS_URL: proxy.url });
});
afterEach(async () => {
  proxy.resume();
  await consumer?.stop();
  await world.close();
  await proxy.close();
});

/** Whatever the queue has left besides its own bookkeeping. */
async function left(): Promise<string[]> {
  const own = ['meta', 'shiftwork-wake'].map((type) => world.key(type));
  return (await world.redis.keys(world.key('*'))).filter((key) => !own.includes(key));
}

function work(slots: number, run: (delivery: Delivery) => Promise<void>): { started: string[]; id: string } {
  const { id, consumers } = world.process();
  const started: string[] = [];
  const prepared = (delivery: Delivery): Prepared => ({
    run: () => {
      started.push(delivery.taskId);
      const ended = run(delivery);
      return { ended, disposition: ended.then(() => ({ kind: 'settled' })) };
    },
    release: () => Promise.resolve({ kind: 'head' }),
  });
  consumer = consumers.open({ queues: [QUEUE], slots }, (deliveries) =>
    Promise.resolve(deliveries.map(prepared)),
  );
  consumer.start();
  return { started, id };
}

describe('while Redis is away', () => {
  it('runs go on; what ended meanwhile is acknowledged when it is back, and the rest is fetched', async () => {
    const entries = Array.from({ length: 6 }, () => entry());
    await world.dispatcher.put(entries);
    const gate = deferred();
    const { started } = work(3, () => gate.promise);
    await waitFor('three to run', () => started.length === 3);
    proxy.refuse();
    gate.resolve();
    await waitFor('three ends that Redis does not know of', () => (consumer?.unacknowledged ?? 0) >= 3);
    expect(await world.redis.llen(world.key('active'))).toBe(3);
    proxy.resume();
    await waitFor('all to run', () => started.length === 6);
    await waitFor('an empty queue', async () => (await left()).length === 0);
    expect(new Set(started)).toEqual(new Set(entries.map((each) => each.id)));
  });

  // Proven: without `onStuck` nobody tells the one that is going, whose lanes fetch no more: SIGTERM took the whole grace.
  it.each([
    ['a process that works', false],
    ['one that is going', true],
  ])('does not keep %s from becoming idle for ever: the ledger knows the outcomes', async (_, isGoing) => {
    await world.dispatcher.put([entry()]);
    const gate = deferred();
    const { started } = work(1, () => gate.promise);
    await waitFor('it to run', () => started.length === 1);
    if (isGoing) await consumer?.quiet();
    const idle = consumer?.untilIdle();
    proxy.refuse();
    gate.resolve();
    await within('idle', idle ?? Promise.resolve());
    expect(consumer?.unacknowledged).toBe(1);
  });
});

describe('a put of many', () => {
  // Proven: with all calls sent at once all thousand are there, and a connection that is slow never gets them through in time.
  it('sends the next calls when those before are answered, and none when they are not', async () => {
    await world.dispatcher.put([entry()]); // Redis knows the script
    proxy.mute();
    const put = world.dispatcher.put(Array.from({ length: 1_000 }, () => entry()));
    await expect(put).rejects.toThrow(DispatchUnavailableError);
    expect(await world.redis.llen(world.key('wait'))).toBe(1 + 400);
    proxy.resume();
    const more = Array.from({ length: 1_000 }, () => entry());
    await waitFor('the next one', () => world.dispatcher.put(more).then(() => true));
    const ids = await world.redis.lrange(world.key('wait'), 0, 999);
    expect(ids.reverse()).toEqual(more.map((each) => each.id));
  });
});

describe('a fetch whose answer never came', () => {
  it.each([
    ['had locked entries', 1, false],
    ['had noted a batch', 20, true],
  ])('%s for us all the same: they are found, and run', async (_, count, mayBatch) => {
    const entries = Array.from({ length: 2 + count }, () => entry());
    await world.dispatcher.put(entries);
    const gate = deferred();
    const { started, id } = work(1, () => gate.promise);
    await waitFor('the first to run', () => started.length === 1);
    // What Redis has done for a request whose answer was cut off: entries in our name that we know nothing of.
    const lost = await world.entries.fetch(QUEUE, count, id, 900, { mayBatch });
    expect(lost).toMatchObject({ isBatch: mayBatch });
    expect(lost.fields[0]).toBe(entries[1]?.id);
    proxy.refuse();
    gate.resolve(); // a free slot: the next fetch fails
    await waitFor('a failed fetch', () => (consumer?.fetches ?? 0) >= 2);
    proxy.resume();
    // Proven: without `reclaim` the second waits until its lock runs out and a sweep finds it; a batch likewise without `claimOf`.
    await waitFor('all to run', () => started.length === 2 + count);
    // Proven: without the end of `reclaim` the note of the lost batch stays for ever.
    await waitFor('an empty queue', async () => (await left()).length === 0, { deadlineMs: 10_000 });
  });

  // Proven: without `lookIfClosed` the entry stays in our name. (In `close`: the first two; its next attempt: the second;
  // neither that nor the look in `reconnected`: the third.)
  it.each([
    ['at once', () => waitFor('the fetch to be given up', () => consumer?.ahead === 0)],
    ['when Redis answers again', (quiet: Promise<void>) => within('quiet', quiet)],
    [
      'when Redis is back',
      (quiet: Promise<void>) => {
        proxy.refuse();
        return within('quiet', quiet);
      },
    ],
  ])('goes back %s from a worker that has gone quiet, and starts nothing there', async (_, untilDoubt) => {
    const [first, second] = [entry(), entry()];
    await world.dispatcher.put([first, second]);
    const gate = deferred();
    const { started } = work(1, () => gate.promise);
    await waitFor('the first to run', () => started.length === 1);
    proxy.mute();
    gate.resolve();
    await waitFor('the second to be ours', () => world.redis.exists(world.key(`${second.id}:lock`)));
    await untilDoubt(consumer?.quiet() ?? Promise.resolve());
    proxy.resume();
    await waitFor('it to wait again', () => world.redis.llen(world.key('wait')), { deadlineMs: 10_000 });
    await waitFor('the end of the first', async () => (await world.redis.llen(world.key('active'))) === 0);
    expect(await world.redis.lrange(world.key('wait'), 0, -1)).toEqual([second.id]);
    expect(started).toEqual([first.id]);
  });
});
