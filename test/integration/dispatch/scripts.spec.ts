import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../../src/foundation/index.js';
import type { Entry } from '../../../src/dispatch/index.js';
import { Script } from '../../../src/dispatch/scripts/script.js';
import { type DispatchWorld, entry, fetchedIds, openDispatch, QUEUE } from '../../support/dispatch.js';
import { dedicatedRedis } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

let world: DispatchWorld;
beforeAll(async () => {
  world = await openDispatch();
});
afterAll(async () => {
  await world.close();
});
beforeEach(async () => {
  const keys = await world.redis.keys(world.key('*'));
  if (keys.length > 0) await world.redis.del(...keys);
  await world.mark();
});

const put = (...entries: Entry[]) => world.entries.put(QUEUE, entries);
/** Fetches as the process `p`, with claims from `p:first` on. */
async function fetch(n: number, first = 1): Promise<string[]> {
  return fetchedIds((await world.entries.fetch(QUEUE, n, 'p', first)).fields);
}
const waiting = () => world.redis.lrange(world.key('wait'), 0, -1);
const active = () => world.redis.lrange(world.key('active'), 0, -1);
const lockOf = (id: string) => world.redis.get(world.key(`${id}:lock`));
const hasToken = async () => (await world.redis.llen(world.key('shiftwork-wake'))) === 1;

describe('put', () => {
  it('makes entries that are served first in, first out, and one wake token', async () => {
    const [a, b, c] = [entry(), entry(), entry()];
    expect(await put(a, b)).toEqual({ isMarked: true, created: 2 });
    await put(c);
    expect(await waiting()).toEqual([c.id, b.id, a.id]); // Bull takes from the right
    expect(await hasToken()).toBe(true);
    expect(await fetch(10)).toEqual([a.id, b.id, c.id]);
  });

  it('writes each entry of a mixed call as its own, also when its neighbours differ in one thing only', async () => {
    const [at, dueAt] = [Date.now() - 1_000, Date.now() + 60_000];
    const differences = [
      { job: 'test.other' },
      { at: at - 5 },
      { dueAt },
      { priority: 3 },
      { suspect: true },
      { where: 'head' as const },
    ];
    const mixed = differences.flatMap((part, i) => [
      entry({ at, payload: `[${String(i)}]` }),
      entry({ at, payload: `[${String(i)}, 1]`, ...part }),
    ]);
    expect(await put(...mixed)).toEqual({ isMarked: true, created: 12 });
    const jobs = await Promise.all(mixed.map(({ id }) => world.bull().getJob(id)));
    const written = jobs.map((job) => ({
      job: job?.name,
      at: job?.timestamp,
      payload: job?.data as unknown,
      delay: job?.opts.delay ?? 0,
      priority: job?.opts.priority ?? 0,
    }));
    const expected = mixed.map((each) => ({
      job: each.job,
      at: each.at,
      payload: JSON.parse(each.payload) as unknown,
      delay: each.dueAt === null ? 0 : each.dueAt - each.at,
      priority: each.priority ?? 0,
    }));
    expect(written).toEqual(expected);
    const suspects = await Promise.all(mixed.map(({ id }) => world.redis.hget(world.key(id), 'suspect')));
    expect(suspects).toEqual(mixed.map(({ suspect }) => (suspect === true ? '1' : null)));
    expect((await waiting()).at(-1)).toBe(mixed.find(({ where }) => where === 'head')?.id);
  });

  it('has a delayed entry wait whose row waits for no moment any more, in its place, once', async () => {
    const dueAt = Date.now() + 60_000;
    const [plain, prioritised, stays] = [entry({ dueAt }), entry({ dueAt, priority: 3 }), entry({ dueAt })];
    await put(plain, prioritised, stays);
    await world.redis.del(world.key('shiftwork-wake')); // that of whoever sets the timer
    const promoted = [plain, prioritised].map((each) => ({ ...each, dueAt: null }));
    for (let times = 0; times < 2; times++)
      expect(await put(...promoted, stays)).toEqual({ isMarked: true, created: 0 });
    expect(await hasToken()).toBe(true);
    expect(await fetch(10)).toEqual([prioritised.id, plain.id]);
    expect((await world.bull().getJob(plain.id))?.toJSON()).toMatchObject({ delay: 0 });
    expect(await world.redis.zrange(world.key('delayed'), 0, -1)).toEqual([stays.id]);
  });

  it('may be repeated: a waiting or active entry is left as it is', async () => {
    const a = entry();
    await put(a);
    expect(await put({ ...a, payload: '{"n":2}' })).toEqual({ isMarked: true, created: 0 });
    expect(await waiting()).toEqual([a.id]);
    await fetch(1);
    expect(await put(a)).toEqual({ isMarked: true, created: 0 });
    expect(await waiting()).toEqual([]);
    expect(await lockOf(a.id)).toBe('p:1');
    expect(await world.redis.hget(world.key(a.id), 'data')).toBe('{"n":1}');
  });

  it('takes an entry that goes to the head out of `active`, with its lock', async () => {
    const [a, b] = [entry(), entry()];
    await put(a, b);
    await fetch(1);
    await put({ ...a, where: 'head' });
    expect(await active()).toEqual([]);
    expect(await lockOf(a.id)).toBeNull();
    expect(await fetch(10)).toEqual([a.id, b.id]);
  });

  it('counts what a foreign worker has left as finished as missing', async () => {
    const a = entry();
    await put(a);
    await fetch(1);
    await world.redis
      .multi()
      .lrem(world.key('active'), 0, a.id)
      .zadd(world.key('failed'), 1, a.id)
      .hset(world.key(a.id), 'finishedOn', '1')
      .del(world.key(`${a.id}:lock`))
      .exec();
    expect(await put(a)).toEqual({ isMarked: true, created: 1 });
    expect(await world.redis.zcard(world.key('failed'))).toBe(0);
    expect(await fetch(1)).toEqual([a.id]);
  });

  it('keeps what is due later in the delayed set, with the score Bull gives it', async () => {
    const dueAt = Date.now() + 60_000;
    const a = entry({ dueAt });
    await put(a, entry({ dueAt: Date.now() - 1 }));
    expect(await world.redis.zcard(world.key('delayed'))).toBe(1);
    expect(Math.floor(Number(await world.redis.zscore(world.key('delayed'), a.id)) / 4096)).toBe(dueAt);
    expect(await waiting()).toHaveLength(1);
  });

  it('wakes somebody for a delayed entry only if it is due before all others', async () => {
    const soon = Date.now() + 60_000;
    await put(entry({ dueAt: soon }));
    expect(await hasToken()).toBe(true);
    await world.redis.del(world.key('shiftwork-wake'));
    await put(entry({ dueAt: soon + 1 }));
    expect(await hasToken()).toBe(false);
    await put(entry({ dueAt: soon - 1 }));
    expect(await hasToken()).toBe(true);
  });

  it('says when the marker is missing, and puts all the same', async () => {
    await world.redis.hdel(world.key('meta'), 'shiftwork');
    expect(await put(entry())).toEqual({ isMarked: false, created: 1 });
  });
});

describe('fetch', () => {
  it('serves handed-over entries first, then priorities in order, then the rest; each first in, first out', async () => {
    const plain = [entry(), entry()];
    const low = [entry({ priority: 1_000 }), entry({ priority: 1_000 })];
    const high = [entry({ priority: 1 }), entry({ priority: 1 })];
    const heads = [entry({ where: 'head' }), entry({ where: 'head', priority: 7 })];
    await put(...plain);
    await put(...low);
    await put(...high);
    await put(...heads);
    const order = [...heads, ...high, ...low, ...plain].map((each) => each.id);
    expect([...(await fetch(3)), ...(await fetch(2, 4)), ...(await fetch(9, 6))]).toEqual(order);
  });

  it('locks each entry for a claim of its own, for as long as Bull would', async () => {
    const [a, b] = [entry(), entry()];
    await put(a, b);
    const fetched = await world.entries.fetch(QUEUE, 10, 'p', 7);
    expect(fetched.fields).toEqual([a.id, 'test.job', '{"n":1}', '', b.id, 'test.job', '{"n":1}', '']);
    expect([await lockOf(a.id), await lockOf(b.id)]).toEqual(['p:7', 'p:8']);
    expect(await world.redis.pttl(world.key(`${a.id}:lock`))).toBeGreaterThan(25_000);
    expect(await active()).toEqual([b.id, a.id]);
  });

  it('hands out nothing without the marker: a wiped queue is not paused, whatever a person has said', async () => {
    await put(entry());
    await world.redis.hdel(world.key('meta'), 'shiftwork');
    expect(await world.entries.fetch(QUEUE, 10, 'p', 1)).toEqual({
      state: 'unmarked',
      dueInMs: null,
      left: 0,
      isBatch: false,
      fields: [],
    });
    expect(await waiting()).toHaveLength(1); // Proven: without the first return of the script the entry is handed out.
  });

  it('hands out nothing while Bull says that the queue is paused, and everything afterwards', async () => {
    const bull = world.bull();
    const [a, b, c] = [entry(), entry({ priority: 5 }), entry({ where: 'head' })];
    await put(a);
    await bull.pause();
    await put(b, c);
    expect(await world.entries.fetch(QUEUE, 10, 'p', 1)).toMatchObject({ state: 'paused', fields: [] });
    await bull.resume();
    expect(await fetch(10)).toEqual([c.id, b.id, a.id]);
  });

  it('promotes what is due, by its priority, and says when the next one is', async () => {
    const due = Date.now() + 40;
    const [a, b, later] = [
      entry({ dueAt: due }),
      entry({ dueAt: due, priority: 3 }),
      entry({ dueAt: Date.now() + 60_000 }),
    ];
    await put(a, b, later);
    const got = await waitFor(
      'both to be due',
      async () => {
        const ids = await fetch(10);
        return ids.length > 0 ? ids : null;
      },
      { everyMs: 2 },
    );
    expect(got).toEqual([b.id, a.id]);
    const { dueInMs } = await world.entries.fetch(QUEUE, 10, 'p', 9);
    expect(dueInMs).toBeGreaterThan(50_000);
    expect(dueInMs).toBeLessThanOrEqual(60_000);
  });

  it('skips ghosts, whose hash is gone', async () => {
    const [a, b] = [entry(), entry()];
    await put(a, b);
    await world.redis.del(world.key(a.id));
    expect(await fetch(10)).toEqual([b.id]);
    expect(await active()).toEqual([b.id]);
    expect(await lockOf(b.id)).toBe('p:1');
  });

  it('leaves a wake token for another worker if more is left, and with n = 0 only passes it on', async () => {
    await put(entry(), entry());
    await world.redis.del(world.key('shiftwork-wake'));
    expect(await fetch(0)).toEqual([]);
    expect(await hasToken()).toBe(true);
    await world.redis.del(world.key('shiftwork-wake'));
    expect(await world.entries.fetch(QUEUE, 2, 'p', 1)).toMatchObject({ left: 0 });
    expect(await hasToken()).toBe(false);
  });

  it('notes a batch instead of locking each entry, until somebody says that its starts are answered', async () => {
    const entries = Array.from({ length: 20 }, () => entry());
    await put(...entries);
    const batch = await world.entries.fetch(QUEUE, 16, 'p', 7, { mayBatch: true });
    expect(batch.isBatch).toBe(true);
    const ids = fetchedIds(batch.fields);
    expect(ids).toEqual(entries.slice(0, 16).map(({ id }) => id));
    expect(await Promise.all(ids.map(lockOf))).toEqual(ids.map(() => null));
    const noted = await world.entries.batches(QUEUE);
    expect(ids.map((id) => noted.claimOf(id))).toEqual(ids.map((_, i) => `p:${String(7 + i)}`));
    expect(noted.claimOf(entries[16]?.id ?? '')).toBeNull();
    // Fewer than are worth it: locked, as for everybody who has not asked.
    const rest = await world.entries.fetch(QUEUE, 16, 'p', 23, { mayBatch: true, answered: ['p:7'] });
    expect(rest.isBatch).toBe(false);
    expect(await lockOf(entries[16]?.id ?? '')).toBe('p:23');
    expect((await world.entries.batches(QUEUE)).names).toEqual([]);
  });

  it('says who is a suspect', async () => {
    await put(entry({ suspect: true }));
    expect((await world.entries.fetch(QUEUE, 1, 'p', 1)).fields[3]).toBe('1');
  });
});

describe('acknowledge', () => {
  it('removes an entry with all that belongs to it, for the claim that holds it', async () => {
    const [a, b] = [entry(), entry()];
    await put(a, b);
    await fetch(2);
    expect(
      await world.entries.acknowledge(QUEUE, [
        { taskId: a.id, claim: 'p:1' },
        { taskId: b.id, claim: 'p:1' },
      ]),
    ).toBe(1);
    expect(await active()).toEqual([b.id]); // Proven: without the comparison b goes too, under the hands of its holder.
    expect(await world.redis.exists(world.key(a.id), world.key(`${a.id}:lock`))).toBe(0);
    expect(await world.redis.exists(world.key(b.id), world.key(`${b.id}:lock`))).toBe(2);
  });

  it('removes many at once, wherever they are in `active`, and leaves the others in their order', async () => {
    const entries = Array.from({ length: 60 }, () => entry());
    await put(...entries);
    const ids = fetchedIds((await world.entries.fetch(QUEUE, 60, 'p', 1, { mayBatch: true })).fields);
    const bull = world.bull();
    const ended = ids.filter((_, i) => i % 3 === 1 || i > 55); // the newest, too: beyond what is read as a whole
    const missing = newId();
    const held = [...ended, missing].map((taskId) => ({ taskId, claim: '', isLocked: false }));
    expect(await world.entries.acknowledge(QUEUE, held)).toBe(held.length);
    const others = ids.filter((id) => !ended.includes(id));
    expect(await active()).toEqual(others.toReversed()); // the right end has the oldest
    expect(await world.redis.exists(...ended.map((id) => world.key(id)))).toBe(0);
    expect(await bull.getActiveCount()).toBe(others.length);
  });

  it('removes locked and unlocked ones in one call, each by its own rule', async () => {
    await put(entry(), entry(), entry());
    const [mine = '', others = '', never = ''] = await fetch(3);
    await world.redis.del(world.key(`${never}:lock`));
    const held = [
      { taskId: never, claim: 'p:3', isLocked: false },
      { taskId: mine, claim: 'p:1' },
      { taskId: others, claim: 'p:1' },
    ];
    expect(await world.entries.acknowledge(QUEUE, held)).toBe(2);
    expect(await active()).toEqual([others]);
    expect(await world.redis.exists(world.key(`${mine}:lock`))).toBe(0);
  });

  it('removes an entry whose lock has run out, and may be repeated', async () => {
    const a = entry();
    await put(a);
    await fetch(1);
    await world.redis.del(world.key(`${a.id}:lock`));
    expect(await world.entries.acknowledge(QUEUE, [{ taskId: a.id, claim: 'p:1' }])).toBe(1);
    await world.entries.acknowledge(QUEUE, [{ taskId: a.id, claim: 'p:1' }]);
    expect(await active()).toEqual([]);
  });

  it("tells Bull's global listeners", async () => {
    const bull = world.bull();
    const heard: string[] = [];
    const completed = new Promise<void>(
      (resolve) =>
        void bull.on('global:completed', (id: string) => {
          heard.push(`completed ${id}`);
          resolve();
        }),
    );
    const registered = new Promise((resolve) => void bull.once('registered:global:completed', resolve));
    bull.on('global:active', (id: string) => {
      heard.push(`active ${id}`);
    });
    bull.on('global:waiting', (id: string) => {
      heard.push(`waiting ${id}`);
    });
    await registered;
    await new Promise(
      (resolve) => void bull.on('registered:global:stalled', resolve).on('global:stalled', () => undefined),
    ); // the last to be subscribed
    const a = entry();
    await put(a);
    await fetch(1);
    await world.entries.acknowledge(QUEUE, [{ taskId: a.id, claim: 'p:1' }]);
    await completed;
    expect(heard).toEqual([`waiting ${a.id}`, `active ${a.id}`, `completed ${a.id}`]);
  });
});

describe('give back', () => {
  const back = (
    id: string,
    n: number,
    whereto: 'head' | 'back' | 'later' | 'again' | 'out' | 'drop',
    dueAt = 0,
  ) => ({
    taskId: id,
    claim: `p:${n}`,
    whereto,
    dueAt,
  });

  it('returns what was fetched ahead to its old place, in its old order', async () => {
    const all = [entry({ priority: 2 }), entry({ priority: 2 }), entry(), entry(), entry(), entry()];
    await put(...all);
    const order = await fetch(4);
    expect(
      await world.entries.giveBack(
        QUEUE,
        order.map((id, i) => back(id, i + 1, 'back')),
      ),
    ).toEqual([]);
    expect(await active()).toEqual([]);
    expect(await hasToken()).toBe(true);
    expect(await fetch(10, 10)).toEqual(all.map((each) => each.id));
  });

  it('returns them behind those that were handed over meanwhile', async () => {
    const [a, b, c, d] = [entry(), entry(), entry({ where: 'head' }), entry({ where: 'head' })];
    await put(a, b);
    await fetch(1);
    await put(c, d);
    await world.entries.giveBack(QUEUE, [back(a.id, 1, 'back')]);
    expect(await fetch(10, 10)).toEqual([c.id, d.id, a.id, b.id]);
  });

  // Proven: without the bites in GIVE_BACK it ends with "too many results to unpack", and no list has the 9,000 any more.
  it('returns them behind however many were handed over', async () => {
    await put(entry(), entry());
    const [returned = ''] = await fetch(1);
    const heads = Array.from({ length: 9_000 }, () => entry({ where: 'head' }));
    for (let i = 0; i < heads.length; i += 200) await put(...heads.slice(i, i + 200));
    const [below, ...before] = await waiting();
    expect(await world.entries.giveBack(QUEUE, [back(returned, 1, 'back')])).toEqual([]);
    expect(await waiting()).toEqual([below, returned, ...before]);
  });

  it('puts handed-over entries before everything, in order', async () => {
    const all = [entry(), entry(), entry()];
    await put(...all);
    const [a, b] = await fetch(2);
    await put(entry({ priority: 1 }));
    await world.entries.giveBack(QUEUE, [back(a ?? '', 1, 'head'), back(b ?? '', 2, 'head')]);
    expect((await fetch(4, 10)).slice(0, 2)).toEqual([a, b]);
  });

  it('leaves what is handed over to its heir for a moment: others take what is below, and hear when to look again', async () => {
    const all = [entry(), entry(), entry()];
    await put(...all);
    const [handed = ''] = await fetch(1);
    await world.entries.giveBack(QUEUE, [back(handed, 1, 'head')], 'heir');
    const other = await world.entries.fetch(QUEUE, 1, 'other', 10);
    expect(fetchedIds(other.fields)).toEqual([all[1]?.id]);
    expect(other.dueInMs).toBeGreaterThan(0);
    expect(other.dueInMs).toBeLessThanOrEqual(500);
    // The token may have woken the wrong one: it is there again for the next. What is left for the heir is not left for us.
    expect(await hasToken()).toBe(true);
    expect(await world.entries.fetch(QUEUE, 5, 'other', 20)).toMatchObject({ left: 0 });
    expect(fetchedIds((await world.entries.fetch(QUEUE, 1, 'heir', 30)).fields)).toEqual([handed]);
  });

  it('lets anybody take it once that moment is over', async () => {
    await put(entry());
    const [handed = ''] = await fetch(1);
    await world.entries.giveBack(QUEUE, [back(handed, 1, 'head')], 'heir');
    await waitFor('the moment to be over', async () => (await fetch(1, 10))[0] === handed);
    expect(await world.redis.hexists(world.key('meta'), 'shiftwork-heir')).toBe(0);
  });

  it('delays, or takes out of Redis, or lets go of the lock alone', async () => {
    await put(entry(), entry(), entry(), entry());
    const [a = '', b = '', c = '', d = ''] = await fetch(4);
    const dueAt = Date.now() + 60_000;
    await world.entries.giveBack(QUEUE, [
      back(a, 1, 'later', dueAt),
      back(b, 2, 'out'),
      back(c, 3, 'drop'),
      back(d, 4, 'later', Date.now() - 1),
    ]);
    expect(Math.floor(Number(await world.redis.zscore(world.key('delayed'), a)) / 4096)).toBe(dueAt);
    expect(await world.redis.exists(world.key(b), world.key(`${b}:lock`))).toBe(0);
    expect([await active(), await lockOf(c)]).toEqual([[c], null]);
    expect(await waiting()).toEqual([d]);
  });

  it("delays what may not start yet for a moment by Redis' clock at least, and not beyond its time", async () => {
    await put(entry(), entry());
    const [a = '', b = ''] = await fetch(2);
    const dueAt = Date.now() + 60_000;
    await world.entries.giveBack(QUEUE, [
      back(a, 1, 'again', Date.now() - 60_000),
      back(b, 2, 'again', dueAt),
    ]);
    expect(await waiting()).toEqual([]);
    const [soon = 0, then = 0] = (
      await Promise.all([a, b].map((id) => world.redis.zscore(world.key('delayed'), id)))
    ).map((score) => Math.floor(Number(score) / 4096));
    expect(soon).toBeGreaterThan(dueAt - 60_000);
    expect(soon).toBeLessThan(dueAt);
    expect(then).toBe(dueAt);
  });

  it('hands out again what it delayed, when that is due', async () => {
    await put(entry());
    const [delayed = ''] = await fetch(1);
    await world.entries.giveBack(QUEUE, [back(delayed, 1, 'later', Date.now() + 20)]);
    expect(await waiting()).toEqual([]);
    await waitFor('it to be due', async () => (await fetch(1, 2))[0] === delayed, { everyMs: 2 });
  });

  // Proven: without `comesFirst` in GIVE_BACK nobody hears of the first one.
  it('wakes somebody for what it delays only if that is due before all others, and nobody while the queue is paused', async () => {
    await put(entry(), entry(), entry(), entry());
    const [a = '', b = '', c = '', d = ''] = await fetch(4);
    const soon = Date.now() + 60_000;
    const isTold = async (id: string, n: number, dueAt: number) => {
      await world.redis.del(world.key('shiftwork-wake'));
      await world.entries.giveBack(QUEUE, [back(id, n, 'later', dueAt)]);
      return hasToken();
    };
    expect(await isTold(a, 1, soon)).toBe(true);
    expect(await isTold(b, 2, soon + 1)).toBe(false);
    expect(await isTold(c, 3, soon - 1)).toBe(true);
    await world.bull().pause();
    expect(await isTold(d, 4, soon - 2)).toBe(false);
  });

  it('changes nothing for a claim that lost the entry, and names those that Redis has lost', async () => {
    await put(entry(), entry());
    const [a = '', b = ''] = await fetch(2);
    await world.redis.set(world.key(`${a}:lock`), 'other:1');
    await world.redis.del(world.key(b), world.key(`${b}:lock`));
    expect(await world.entries.giveBack(QUEUE, [back(a, 1, 'head'), back(b, 2, 'head')])).toEqual([b]);
    expect(await active()).toEqual([a]); // Proven: without the comparison the other's running entry is put to the head.
    expect(await lockOf(a)).toBe('other:1');
  });
});

describe('remove, renew, holders', () => {
  it('removes what waits, wherever it waits, and never what is active', async () => {
    const [running, plain, prioritised, delayed, head] = [
      entry(),
      entry(),
      entry({ priority: 1 }),
      entry({ dueAt: Date.now() + 60_000 }),
      entry(),
    ];
    await put(running);
    await fetch(1);
    await put(plain, prioritised, delayed, head);
    const ids = [running, plain, prioritised, delayed].map((each) => each.id);
    expect(await world.entries.remove(QUEUE, ids)).toBe(3);
    expect(await active()).toEqual([running.id]);
    expect(await fetch(10, 2)).toEqual([head.id]);
    expect(await world.redis.zcard(world.key('delayed'))).toBe(0);
  });

  // Proven: while the count of those that were handed over stayed as it was, the plain one took the place of the removed.
  it('removes what was handed over, and nothing else goes before the rest in its place', async () => {
    const [gone, stays] = [entry({ where: 'head' }), entry({ where: 'head' })];
    const [plain, prioritised] = [entry(), entry({ priority: 1 })];
    await put(gone, stays);
    await put(plain, prioritised);
    expect(await world.entries.remove(QUEUE, [gone.id, plain.id])).toBe(2);
    await put(plain);
    expect(await fetch(9)).toEqual([stays.id, prioritised.id, plain.id]);
  });

  it('leaves a ghost in a long list rather than to search it', async () => {
    const entries = Array.from({ length: 200 }, () => entry());
    for (let i = 0; i < 60; i++) await put(...entries.map((each) => ({ ...each, id: newId() })));
    const last = entry();
    await put(last);
    await world.entries.remove(QUEUE, [last.id]);
    expect(await world.redis.llen(world.key('wait'))).toBe(12_001);
    expect(await world.redis.exists(world.key(last.id))).toBe(0);
  });

  it('renews its own locks, sets one that ran out again, and never takes another one', async () => {
    await put(entry(), entry(), entry());
    const [a = '', b = '', c = ''] = await fetch(3);
    await world.redis.pexpire(world.key(`${a}:lock`), 1_000);
    await world.redis.del(world.key(`${b}:lock`));
    await world.redis.set(world.key(`${c}:lock`), 'other:1', 'PX', 1_000);
    const gone = newId();
    const held = [a, b, c, gone].map((taskId, i) => ({ taskId, claim: `p:${i + 1}` }));
    expect(await world.entries.renewLocks(QUEUE, held)).toBe(2);
    expect(await world.redis.pttl(world.key(`${a}:lock`))).toBeGreaterThan(25_000);
    expect([await lockOf(b), await lockOf(c), await lockOf(gone)]).toEqual(['p:2', 'other:1', null]);
  });

  it('says who holds what', async () => {
    await put(entry(), entry());
    const [a = '', b = ''] = await fetch(2);
    await world.redis.del(world.key(`${a}:lock`));
    const pages = [];
    for await (const page of world.entries.holders(QUEUE, await world.entries.batches(QUEUE)))
      pages.push(page);
    expect(pages).toEqual([
      [
        { taskId: b, claim: 'p:2' },
        { taskId: a, claim: null },
      ],
    ]);
  });

  // Proven: without the count from the right end what leaves the first page draws the second one into it, unseen.
  it('says it of each entry that stays, whatever leaves and comes between two pages', async () => {
    const entries = Array.from({ length: 3_000 }, () => entry());
    for (let i = 0; i < entries.length; i += 200) {
      await put(...entries.slice(i, i + 200));
      await fetch(200, 1 + i);
    }
    const seen = new Set<string>();
    for await (const page of world.entries.holders(QUEUE, await world.entries.batches(QUEUE))) {
      for (const { taskId } of page) seen.add(taskId);
      // Of what was seen, and of what was not.
      const ended = (await active()).filter((_, i) => i % 10 === 0);
      const held = ended.map((taskId) => ({ taskId, claim: '', isLocked: false }));
      await world.entries.acknowledge(QUEUE, held);
      await put(entry());
      await fetch(1, 4_001);
    }
    const left = new Set(await active());
    const stayed = entries.map(({ id }) => id).filter((id) => left.has(id));
    expect(stayed.length).toBeGreaterThan(1_000);
    expect(stayed.filter((id) => !seen.has(id))).toEqual([]);
  });
});

describe('Bull stays Bull', () => {
  it('reads counts and jobs as it would its own', async () => {
    const bull = world.bull();
    const [a, b, c] = [entry({ payload: '{"to":"x"}' }), entry(), entry({ dueAt: Date.now() + 60_000 })];
    await put(a, b, c);
    await fetch(1);
    expect(await bull.getJobCounts()).toMatchObject({
      waiting: 1,
      active: 1,
      delayed: 1,
      paused: 0,
      completed: 0,
      failed: 0,
    });
    const job = await bull.getJob(a.id);
    expect(job?.toJSON()).toMatchObject({
      id: a.id,
      name: 'test.job',
      data: { to: 'x' },
      timestamp: a.at,
      delay: 0,
      attemptsMade: 0,
    });
    expect(await job?.getState()).toBe('active');
    const [delayed] = await bull.getDelayed();
    expect(delayed?.id).toBe(c.id);
    expect(delayed?.opts.delay).toBeGreaterThan(50_000);
    expect((await bull.getWaiting()).map((each) => each.id)).toEqual([b.id]);
  });

  it("is not robbed of a live entry by a plain Bull worker's stalled check", async () => {
    await put(entry());
    const [a = ''] = await fetch(1);
    const bull = world.bull() as ReturnType<DispatchWorld['bull']> & {
      moveUnlockedJobsToWait(): Promise<unknown>;
    };
    await bull.isReady();
    for (let i = 0; i < 2; i++) {
      // it marks in one round and takes in the next
      await bull.moveUnlockedJobsToWait();
      await world.redis.del(world.key('stalled-check'));
    }
    expect(await active()).toEqual([a]);
  });
});

describe('a script', () => {
  // Proven: sent by hash from the beginning, both calls are refused first, and may be overtaken by those that come after them.
  it('goes as text until a server has taken it, then by its hash, and as text again to a server that has forgotten it', async () => {
    const server = await dedicatedRedis();
    const redis = new Redis(server.url);
    try {
      const script = new Script<string>(`return ARGV[1]`);
      const run = (text: string) => script.run(redis, 'q:', [text]);
      const calls = async () => {
        const info = await redis.info('commandstats');
        return ['eval', 'evalsha'].map((name) =>
          Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(info)?.[1] ?? 0),
        );
      };
      expect(await Promise.all([run('a'), run('b')])).toEqual(['a', 'b']);
      expect(await calls()).toEqual([2, 0]);
      expect(await run('c')).toBe('c');
      expect(await calls()).toEqual([2, 1]);
      await redis.script('FLUSH');
      expect(await run('d')).toBe('d');
      expect(await calls()).toEqual([3, 2]);
    } finally {
      redis.disconnect();
      await server.dispose();
    }
  });
});
