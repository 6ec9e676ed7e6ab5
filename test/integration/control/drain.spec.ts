import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/index.js';
import type { FleetLook } from '../../../src/control/index.js';
import { LEASE_MS } from '../../../src/control/index.js';
import { migrate } from '../../../src/postgres/index.js';
import {
  databaseUrl,
  type DedicatedServer,
  dedicatedRedis,
  dropSchema,
  query,
  uniqueAppName,
} from '../../support/servers.js';
import { Proxy } from '../../support/proxy.js';
import { waitFor, within } from '../../support/wait.js';
import { boot, type Caller, type Member, openCaller, type World } from './fleet.fixture.js';

const TASK = {
  task: '019391c2-0000-7000-8000-000000000001',
  job: 'slow',
  queue: 'default',
  since: '2026-01-01T00:00:00.000Z',
};

let server: DedicatedServer;
let world: World;
let caller: Caller;
const members: Member[] = [];

async function join(
  ...args: Parameters<typeof boot> extends [World, ...infer Rest] ? Rest : never
): Promise<Member> {
  const member = await boot(world, ...args);
  members.push(member);
  return member;
}

/** A drain that is under way: what it saw last, and its end. */
function drain(options: Parameters<Caller['request']['run']>[0] = {}) {
  const looks: FleetLook[] = [];
  const verdict = caller.request.run({
    timeoutMs: 60_000,
    ...options,
    onProgress: (look) => looks.push(look),
  });
  verdict.catch(() => undefined); // whoever waits for it hears of it
  return { verdict, looks };
}

beforeAll(async () => {
  server = await dedicatedRedis(); // it is wiped in here
  const appName = uniqueAppName();
  world = { appName, redisUrl: server.url };
  await migrate(
    loadSettings({ DATABASE_URL: databaseUrl(), REDIS_URL: server.url, APP_NAME: appName }, []).settings,
  );
  caller = await openCaller(world);
});

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.leave()));
  await caller.redis.command.flushall();
});

afterAll(async () => {
  await caller.close();
  await dropSchema(world.appName);
  await server.dispose();
});

describe('asking the fleet to drain', () => {
  it('is safe when nothing is running in the asked roles any more; the web goes on; resume ends the hold', async () => {
    const both = await join(['web', 'worker']);
    const clock = await join(['clock']);
    both.room('worker').running = [TASK];
    const { verdict, looks } = drain();
    await waitFor('the busy task to be named', () =>
      looks.at(-1)?.busy.some((each) => each.task === TASK.task && each.process === both.id),
    );
    expect(both.room('worker').isQuiet).toBe(true);
    expect(both.room('web').isQuiet).toBe(false);

    both.room('worker').unrecorded = 1; // it ended, and its outcome is on the way to the ledger
    both.room('worker').running = [];
    await waitFor('the unrecorded outcome to be named', () =>
      looks.at(-1)?.busy.some((each) => each.task === null),
    );
    both.room('worker').unrecorded = 0;

    const safe = await within('the verdict', verdict, 30_000);
    expect(safe).toMatchObject({ safe: true, release: 'r1', busy: [], silent: [], reason: null });
    expect([...safe.drained].sort()).toEqual([both.id, clock.id].sort());
    const heldForMs = Date.parse(safe.heldUntil ?? '') - Date.now();
    expect(heldForMs).toBeGreaterThan(14 * 60_000);
    expect(clock.drain.state).toBe('draining');

    const { resumed } = await caller.request.resume();
    expect([...resumed].sort()).toEqual([both.id, clock.id].sort());
    await waitFor(
      'everybody to work again',
      () => both.drain.state === 'running' && clock.drain.state === 'running' && !both.room('worker').isQuiet,
    );
    expect(await caller.request.resume()).toEqual({ resumed: [] });
  });

  it('is not safe when the time is up, names who is busy with what, and the fleet works again', async () => {
    const worker = await join(['worker']);
    worker.room('worker').running = [TASK];
    const verdict = await drain({ timeoutMs: 2_000 }).verdict;
    expect(verdict).toMatchObject({
      safe: false,
      heldUntil: null,
      reason: 'timeout',
      drained: [],
      silent: [],
    });
    expect(verdict.busy).toEqual([{ process: worker.id, host: expect.any(String) as string, ...TASK }]);
    await waitFor('the worker to work again', () => worker.drain.state === 'running');
    expect(worker.lapses).toEqual([]);
  });

  it('takes the wish back at once when its caller gives up', async () => {
    const worker = await join(['worker']);
    worker.room('worker').running = [TASK];
    const stop = new AbortController();
    const { verdict } = drain({ signal: stop.signal });
    await waitFor('the worker to be quiet', () => worker.room('worker').isQuiet);
    stop.abort();
    expect(await within('the verdict', verdict)).toMatchObject({ safe: false, reason: 'interrupted' });
    await waitFor('the worker to work again', () => worker.drain.state === 'running', { deadlineMs: 5_000 }); // far less than a lease
  });

  it('leaves nothing behind when its caller gives up before the wish is written', async () => {
    const stop = new AbortController();
    const { verdict } = drain({ signal: stop.signal });
    stop.abort();
    expect(await within('the verdict', verdict)).toMatchObject({ safe: false, reason: 'interrupted' });
    const { now, wishes } = await caller.channel.read();
    expect(wishes.filter((wish) => wish.expiresAt > now && wish.withdrawnAt === null)).toEqual([]);
    const channel = caller.redis.keys.channel('drain');
    expect(await caller.redis.command.pubsub('NUMSUB', channel)).toEqual([channel, 0]);
  });

  it('is not ended by a Redis that is away for the moment in which the fleet is safe', async () => {
    const worker = await join(['worker']);
    const { command } = caller.redis;
    let breaks = 0;
    const verdict = caller.request.run({
      timeoutMs: 30_000,
      onProgress: (look) => {
        if (look.drained.length === 0 || ++breaks > 1) return;
        command.disconnect(true); // the hold is what is asked next; the connection is back after 100 ms
      },
    });
    expect(await within('the verdict', verdict)).toMatchObject({ safe: true, reason: null });
    expect(breaks).toBe(2);
    expect(worker.drain.state).toBe('draining');
    const { wishes } = await caller.channel.read();
    expect(wishes).toMatchObject([{ kind: 'hold', withdrawnAt: null }]);
  });

  // Proven: without `takeBackUnheard` the first hold stands for its fifteen minutes, whatever becomes of the second wish.
  it('takes a hold back of which it never heard, when it has had to begin anew', async () => {
    const worker = await join(['worker']);
    const proxy = await Proxy.to(server.url);
    const distant = await openCaller({ ...world, redisUrl: proxy.url });
    try {
      let isMuted = false;
      const verdict = distant.request.run({
        onProgress: (look) => {
          if (look.drained.length === 0 || isMuted) return;
          isMuted = true;
          proxy.mute(); // the hold is what is asked next
        },
      });
      const isHold = async () => (await caller.channel.read()).wishes.find(({ kind }) => kind === 'hold');
      const hold = await waitFor('a hold in Redis', isHold);
      proxy.refuse();
      const cutAt = performance.now();
      await waitFor('a lease to be too old', () => performance.now() - cutAt > LEASE_MS);
      worker.room('worker').running = [TASK]; // so that the second wish stays a lease
      proxy.resume();
      await waitFor('both wishes', async () => (await caller.channel.read()).wishes.length === 2);
      await waitFor('the hold to be taken back', async () => {
        const { wishes } = await caller.channel.read();
        return wishes.find(({ id }) => id === hold.id)?.withdrawnAt;
      });
      worker.room('worker').running = [];
      expect(await within('the verdict', verdict)).toMatchObject({ safe: true });
    } finally {
      await distant.close();
      await proxy.close();
    }
  });

  it('ends when somebody else calls resume, and does not ask again', async () => {
    const worker = await join(['worker']);
    worker.room('worker').running = [TASK];
    const { verdict } = drain();
    await waitFor('the worker to be quiet', () => worker.room('worker').isQuiet);
    expect(await caller.request.resume()).toEqual({ resumed: [worker.id] });
    expect(await within('the verdict', verdict)).toMatchObject({ safe: false, reason: 'withdrawn' });
    expect(worker.drain.state).toBe('running');
  });

  it('keeps the fleet quiet for one caller when another one gives up', async () => {
    const worker = await join(['worker']);
    const first = await within('the first verdict', drain().verdict);
    worker.room('worker').running = [TASK];
    const second = await drain({ timeoutMs: 1_500 }).verdict;
    expect([first.safe, second.safe]).toEqual([true, false]);
    expect(worker.drain.state).toBe('draining');
  });

  // Proven: without `silent` in lookAt (verdict.ts), a worker cut off from Redis is overlooked and this says "safe".
  it('is not safe while a registered process is silent: nobody knows what it runs', async () => {
    const cutOff = await join(['worker'], { beats: false });
    const verdict = await drain({ timeoutMs: 1_500 }).verdict;
    expect(verdict).toMatchObject({ safe: false, silent: [cutOff.id] });
  });

  // Proven: without `withStarted` in DrainRequest.look this says "safe" with a STARTED row.
  it('lets the ledger have the last word: a task STARTED by an idle process is not safe', async () => {
    const worker = await join(['worker']);
    await query(
      `INSERT INTO "${world.appName}".live (id, queue, job, status, ready_at, attempts_max, worker, started_at) VALUES ($1, 'default', 'slow', 'STARTED', now(), 3, $2, $3)`,
      [TASK.task, worker.id, TASK.since],
    );
    const verdict = await drain({ timeoutMs: 2_000 }).verdict;
    await query(`DELETE FROM "${world.appName}".live`);
    expect(verdict.busy).toEqual([{ process: worker.id, host: expect.any(String) as string, ...TASK }]);
    expect(verdict).toMatchObject({ safe: false, drained: [] });
  });

  it('of the clock does not wait for the tasks of a process that is both', async () => {
    const both = await join(['clock', 'worker']);
    await query(
      `INSERT INTO "${world.appName}".live (id, queue, job, status, ready_at, attempts_max, worker, started_at) VALUES ($1, 'default', 'slow', 'STARTED', now(), 3, $2, $3)`,
      [TASK.task, both.id, TASK.since],
    );
    both.room('worker').running = [TASK];
    const verdict = await drain({ roles: ['clock'], timeoutMs: 2_000 }).verdict;
    await query(`DELETE FROM "${world.appName}".live`);
    expect(verdict).toMatchObject({ safe: true, drained: [both.id], busy: [] });
    expect([both.room('clock').isQuiet, both.room('worker').isQuiet]).toEqual([true, false]);
  });
});

describe('obeying a drain', () => {
  // Proven: without the first `obey` in DrainResponder.begin the late process works; without the release in `isAsked` the next one is quiet.
  it('begins before a process that boots meanwhile can fetch, and does not concern another release', async () => {
    await join(['worker']);
    const { safe } = await within('the verdict', drain().verdict);
    expect(safe).toBe(true);
    const late = await join(['worker']);
    expect(late.room('worker').isQuiet).toBe(true); // `start` had resolved: no waiting here
    const next = await join(['worker'], { release: 'r2' });
    expect(next.room('worker').isQuiet).toBe(false);
  });

  // Proven: without `remind` in DrainResponder.forgetEnded the hold never comes back.
  it('outlives a Redis that was wiped: who obeyed writes the hold down again', async () => {
    const worker = await join(['worker']);
    await within('the verdict', drain().verdict);
    await join(['worker']); // it has read the hold itself
    await caller.redis.command.flushall();
    await server.restart();
    await waitFor('the hold to be back', async () =>
      (await caller.channel.read()).wishes.some((wish) => wish.kind === 'hold'),
    );
    expect(worker.room('worker').isQuiet).toBe(true);
    const late = await join(['worker']);
    expect(late.room('worker').isQuiet).toBe(true);
  });

  it('goes on under a caller whose wish was wiped while it waits', async () => {
    const worker = await join(['worker']);
    worker.room('worker').running = [TASK];
    const { verdict } = drain();
    await waitFor('the worker to be quiet', () => worker.room('worker').isQuiet);
    await caller.redis.command.flushall();
    await waitFor(
      'the wish to be written again',
      async () => (await caller.channel.read()).wishes.length > 0,
    );
    worker.room('worker').running = [];
    expect(await within('the verdict', verdict, 30_000)).toMatchObject({ safe: true, drained: [worker.id] });
  });

  // Proven: without the earliest expiry in DrainResponder.obey nobody resumes; without `claimLapse` everybody tells.
  it('ends by itself when the caller dies, and exactly one process tells of it', async () => {
    const fleet = [await join(['worker']), await join(['worker']), await join(['clock'])];
    // A caller that was killed right after its first write, with less of the lease to wait for.
    const wish = {
      id: 'killed',
      roles: ['clock', 'worker'] as const,
      release: 'r1',
      kind: 'lease' as const,
      by: 'deploy script',
      withdrawnAt: null,
    };
    await caller.channel.write(wish, 2_000);
    await waitFor('everybody to be quiet', () => fleet.every((member) => member.drain.state === 'draining'));
    await waitFor(
      'everybody to work again',
      () => fleet.every((member) => member.drain.state === 'running'),
      { deadlineMs: LEASE_MS },
    );
    const told = await waitFor(
      'the lapse to be told',
      () => fleet.flatMap((member) => member.lapses).length > 0 && fleet.flatMap((member) => member.lapses),
    );
    expect(told).toEqual([{ wish: 'killed', kind: 'lease', by: 'deploy script', release: 'r1' }]);
    expect((await caller.channel.read()).wishes).toEqual([]);
  });

  // Proven: without the refusal of a lapsed wish in WRITE (drain-scripts.ts) the old wish lives on and this fails.
  it('counts no answer given before a gap in the lease: the wish is made anew', async () => {
    const worker = await join(['worker']);
    worker.room('worker').running = [TASK];
    const { verdict } = drain();
    const [before] = await waitFor(
      'the wish',
      async () => (await caller.channel.read()).wishes.length > 0 && (await caller.channel.read()).wishes,
    );
    await caller.redis.command.hset(
      caller.redis.keys.wishes,
      before?.id ?? '',
      JSON.stringify({ ...before, expiresAt: (before?.expiresAt ?? 0) - LEASE_MS }),
    );
    await waitFor('another wish', async () =>
      (await caller.channel.read()).wishes.some((wish) => wish.id !== before?.id),
    );
    worker.room('worker').running = [];
    const safe = await within('the verdict', verdict, 30_000);
    expect(safe.wish).not.toBe(before?.id);
    expect(safe).toMatchObject({ safe: true, drained: [worker.id] });
  });
});
