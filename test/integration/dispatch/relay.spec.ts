import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigModule, loadSettings, type Settings } from '../../../src/config/index.js';
import {
  Chores,
  DispatchModule,
  Entries,
  QueueControl,
  QueueStats,
  Relay,
} from '../../../src/dispatch/index.js';
import { ActiveSweep } from '../../../src/dispatch/active-sweep.js';
import { OldestCheck } from '../../../src/dispatch/oldest-check.js';
import { FleetModule, Heartbeat, RollCall, ThisProcess } from '../../../src/fleet/index.js';
import {
  AcceptTasks,
  Executions,
  Outbox,
  Processes,
  QueueStates,
  TaskNow,
  Undispatched,
  WaitingMoves,
  type NewTask,
} from '../../../src/ledger/index.js';
import { createLifecycle, LifecycleModule } from '../../../src/lifecycle/index.js';
import { migrate, Postgres, PostgresModule } from '../../../src/postgres/index.js';
import { RedisClients, RedisModule } from '../../../src/redis/index.js';
import { type EmittedEvent, Telemetry, TelemetryModule } from '../../../src/telemetry/index.js';
import {
  type DedicatedServer,
  dedicatedRedis,
  dropWorld,
  environmentOf,
  query,
  uniqueAppName,
} from '../../support/servers.js';
import { endOfRun, newTask } from '../../support/ledger.js';
import { Proxy } from '../../support/proxy.js';
import { waitFor, within } from '../../support/wait.js';

const QUEUE = 'mail';

@Module({ imports: [DispatchModule], exports: [DispatchModule] })
class Everything {}

interface Member {
  readonly app: INestApplicationContext;
  readonly id: string;
  readonly events: EmittedEvent[];
  readonly settings: Settings;
  get<T>(type: new (...args: never[]) => T): T;
}

let appName: string;
let redis: Redis;
const members: Member[] = [];

/** A process with the dispatch room and what it stands on; registered and beating, its relay not started. */
async function join(env: Record<string, string> = {}): Promise<Member> {
  const { settings } = loadSettings(
    { ...environmentOf(appName), QUEUES: `${QUEUE}:5`, LOG_LEVEL: 'silent', ...env },
    ['worker'],
  );
  await migrate(settings);
  const telemetry = new Telemetry();
  const events: EmittedEvent[] = [];
  telemetry.addSink((event) => events.push(event));
  const app = await NestFactory.createApplicationContext(
    {
      module: Everything,
      imports: [
        ConfigModule.of(settings),
        TelemetryModule.of(telemetry),
        LifecycleModule.of(createLifecycle(settings, telemetry)),
        PostgresModule.with([TaskNow]),
        RedisModule.global,
        FleetModule.global,
        DispatchModule,
      ],
    },
    { logger: false },
  );
  const self = app.get(ThisProcess);
  const member: Member = {
    app,
    id: self.id,
    events,
    settings,
    get: (type) => app.get(type, { strict: false }),
  };
  members.push(member);
  await member.get(RedisClients).untilReady(10_000);
  await member.get(Processes).register({ id: self.id, roles: ['worker'], host: 'h', pid: 1, release: 'r' });
  member.get(Outbox).belongTo(self.id);
  member.get(Heartbeat).set({ queues: [QUEUE] });
  await member.get(Heartbeat).start();
  return member;
}

async function leave(member: Member): Promise<void> {
  await member.get(Relay).quiet();
  await member.get(Heartbeat).stop();
  await member.app.close();
  members.splice(members.indexOf(member), 1);
}

beforeEach(() => {
  appName = uniqueAppName();
  redis = new Redis(environmentOf(appName).REDIS_URL ?? '');
});
afterEach(async () => {
  await Promise.all([...members].map(leave));
  redis.disconnect();
  await dropWorld(appName);
});

const key = (type: string, queue = QUEUE): string => `{${appName}:${queue}}:${queue}:${type}`;
const accept = async (member: Member, ...tasks: Partial<NewTask>[]): Promise<string[]> => {
  const { outcomes } = await member
    .get(AcceptTasks)
    .acceptEach(tasks.map((task) => newTask({ queue: QUEUE, ...task })));
  return outcomes.map((each) => (each instanceof Error ? '' : each.id));
};
const waiting = () => redis.lrange(key('wait'), 0, -1);
const fetchAs = (member: Member, n: number, first = 1) =>
  member.get(Entries).fetch(QUEUE, n, member.id, first);
async function start(member: Member, id: string, claim: string): Promise<void> {
  const [started] = await member.get(Executions).start(member.id, [{ taskId: id, claim }]);
  expect(started).toMatchObject({ kind: 'started' });
}

describe('tasks that are put by their ids', () => {
  it('keep what is suspected of them, and those that do not wait are left out', async () => {
    const member = await join();
    await member.get(Relay).start();
    const [suspect = '', running = ''] = await accept(member, {}, {});
    await start(member, running, `${member.id}:901`);
    await query(
      `UPDATE "${appName}".live SET crashes = ${String(member.settings.crashLimit - 1)} WHERE id = '${suspect}'`,
    );
    await member.get(Relay).dispatch([suspect, running]);
    expect(await waiting()).toEqual([suspect]);
    expect(await redis.hget(key(suspect), 'suspect')).toBe('1');
  });
});

describe('tasks that are put by their ids while Redis is out of reach', () => {
  let proxy: Proxy;
  afterEach(() => proxy.close());

  // Proven: without `lost.add` in Relay.dispatch, or `isPromoted` in put.ts, the entry stays delayed for a minute.
  it('are put when it is back: one that was promoted does not wait for its old moment', async () => {
    proxy = await Proxy.to(environmentOf(appName).REDIS_URL ?? '');
    const member = await join({ REDIS_URL: proxy.url });
    await member.get(Relay).start();
    const [id = ''] = await accept(member, { dueAt: new Date(Date.now() + 60_000) });
    expect(await member.get(Relay).dispatch([id])).toBe(true);
    expect(await redis.zrange(key('delayed'), 0, -1)).toEqual([id]);
    member.get(Outbox).dispatched([id]);
    await member.get(Outbox).deleteEmpty(); // nothing reminds of it any more
    proxy.refuse();
    await member.get(WaitingMoves).promote(id);
    expect(await member.get(Relay).dispatch([id])).toBe(false);
    proxy.resume();
    await waitFor('the entry', async () => (await waiting()).includes(id), { deadlineMs: 20_000 });
    expect(await redis.zcard(key('delayed'))).toBe(0);
  });
});

describe('an empty Redis', () => {
  it('is set up at the first boot, without a wait and without a word', async () => {
    const member = await join();
    await within('the first pass', member.get(Relay).start(), 3_000);
    expect(await redis.hget(key('meta'), 'shiftwork')).toBe('1');
    expect((await fetchAs(member, 1)).state).toBe('open');
    expect(member.events.filter((event) => event.name.startsWith('dispatch.'))).toEqual([]);
  });

  it('that was wiped is filled again with what waits, and with nothing else', async () => {
    const member = await join();
    await member.get(Relay).start();
    const [running = '', done = '', plain = '', urgent = '', soon = '', far = ''] = await accept(
      member,
      {},
      {},
      {},
      { priority: 1 },
      { dueAt: new Date(Date.now() + 60_000) },
      { dueAt: new Date(Date.now() + 3_600_000) },
    );
    await start(member, running, `${member.id}:901`);
    await start(member, done, `${member.id}:902`);
    await member.get(Executions).end(endOfRun({ id: done, claim: `${member.id}:902` }));
    await redis.del(...(await redis.keys(key('*'))));
    await waitFor('the refill', async () => (await redis.hget(key('meta'), 'shiftwork')) === '1');
    expect(await waiting()).toEqual([plain]);
    expect(await redis.zrange(key('shiftwork-priority'), 0, -1)).toEqual([urgent]);
    expect(await redis.zrange(key('delayed'), 0, -1)).toEqual([soon]);
    expect(await redis.exists(key(running), key(done), key(far))).toBe(0);
  });

  it('does not un-pause a queue: the pause is restored before the first entry can be fetched', async () => {
    const member = await join();
    await member.get(Relay).start();
    await accept(member, {}, {});
    await member.get(QueueStates).pause(QUEUE, 'ann');
    await redis.del(...(await redis.keys(key('*'))));
    // Proven: without `restore` in Refill.repair the state reads 'open' and both are handed out.
    const state = await waitFor('the refill', async () => {
      const fetched = await fetchAs(member, 5);
      return fetched.state === 'unmarked' ? null : fetched;
    });
    expect(state).toMatchObject({ state: 'paused', fields: [] });
    expect(await member.get(QueueStats).counts(QUEUE)).toEqual({
      waiting: 2,
      active: 0,
      delayed: 0,
      paused: true,
    });
    await member.get(QueueStates).resume(QUEUE);
    await member.get(QueueControl).resume(QUEUE);
    expect((await fetchAs(member, 5)).fields).toHaveLength(8);
  });

  it('that is wiped once more while it is being filled is filled from the beginning', async () => {
    const member = await join();
    await member.get(Relay).start();
    const ids = await accept(member, {}, {}, {});
    const undispatched = member.get(Undispatched);
    const page = undispatched.waitingPage.bind(undispatched);
    let wipes = 0;
    undispatched.waitingPage = async (...args) => {
      const rows = await page(...args);
      if (++wipes > 1) return rows;
      await redis.del(...(await redis.keys(key('*'))));
      return []; // what this page brought is gone before the marker is set
    };
    await redis.del(...(await redis.keys(key('*'))));
    // Proven: if the marker is set without looking at the note, it stands over an empty queue.
    await waitFor('the marker', async () => (await redis.hget(key('meta'), 'shiftwork')) === '1');
    expect((await waiting()).sort()).toEqual([...ids].sort());
  });

  it('is repaired by one of many, from thousands of rows', async () => {
    const [one, two] = [await join(), await join()];
    for (let i = 0; i < 5; i++) await accept(one, ...Array.from({ length: 500 }, () => ({})));
    await Promise.all([one.get(Relay).start(), two.get(Relay).start()]);
    const refills = () =>
      [...one.events, ...two.events].filter((event) => event.name === 'dispatch.refilled');
    await waitFor('the refill', () => refills().length > 0);
    expect(await redis.llen(key('wait'))).toBe(2_500);
    expect(refills()).toHaveLength(1);
  });
});

describe('what never reached Redis', () => {
  it('is dispatched when somebody says that a put has failed, and its reminder goes', async () => {
    const member = await join();
    await member.get(Relay).start();
    const ids = await accept(member, {}, {});
    member.get(Relay).nudge();
    await waitFor('both', async () => (await redis.llen(key('wait'))) === 2);
    expect((await waiting()).sort()).toEqual([...ids].sort());
    await waitFor(
      'the outbox to be empty',
      async () => (await member.get(Postgres).query({ text: 'SELECT 1 FROM shiftwork.outbox' })).length === 0,
    );
  });

  it('is dispatched by another process when its own is gone', async () => {
    const [dead, alive] = [await join(), await join()];
    await alive.get(Relay).start();
    const [id = ''] = await accept(dead, {});
    await dead.get(Heartbeat).stop();
    await dead.get(Processes).gone(dead.id, 0);
    alive.get(Relay).nudge();
    await waitFor('it', async () => (await waiting()).includes(id));
  });

  it('does not run again what has ended: a reminder of a finished task puts nothing', async () => {
    const member = await join();
    await member.get(Relay).start();
    const [id = ''] = await accept(member, {});
    await start(member, id, `${member.id}:901`);
    await member.get(Executions).end(endOfRun({ id, claim: `${member.id}:901` }));
    member.get(Relay).nudge();
    await waitFor(
      'the outbox to be empty',
      async () => (await member.get(Postgres).query({ text: 'SELECT 1 FROM shiftwork.outbox' })).length === 0,
    );
    expect(await redis.exists(key(id))).toBe(0);
  });
});

describe('entries without an owner', () => {
  it('of a dead process go by their rows: ended ones away, waiting ones to the head', async () => {
    const [dead, alive] = [await join(), await join()];
    await alive.get(Relay).start();
    const [ended = '', ahead = '', running = '', next = ''] = await accept(dead, {}, {}, {}, {});
    dead.get(Relay).nudge();
    await dead.get(Relay).start();
    await waitFor('all four', async () => (await redis.llen(key('wait'))) === 4);
    await dead.get(Relay).quiet();
    await fetchAs(dead, 3, 1);
    await start(dead, ended, `${dead.id}:1`);
    await start(dead, running, `${dead.id}:3`);
    await dead.get(Executions).end(endOfRun({ id: ended, claim: `${dead.id}:1` }));
    await dead.get(Heartbeat).stop(); // it leaves the roll, as after a rescue
    alive.get(Relay).nudge();
    await waitFor('the one ahead to be back', async () => (await waiting()).includes(ahead));
    expect(await waiting()).toEqual([next, ahead]); // the right end is served first
    await waitFor('the ended one to be gone', async () => (await redis.exists(key(ended))) === 0);
    expect(await redis.lrange(key('active'), 0, -1)).toEqual([running]); // the rescuer's business
  });

  it('of a dead process that came in a batch, without locks, are found the same, and the batch is forgotten', async () => {
    const [dead, alive] = [await join(), await join()];
    await alive.get(Relay).start();
    const ids = await accept(dead, ...Array.from({ length: 18 }, () => ({})));
    await dead.get(Relay).start();
    await waitFor('all', async () => (await redis.llen(key('wait'))) === 18);
    await dead.get(Relay).quiet();
    const ofDead = await dead.get(Entries).fetch(QUEUE, 16, dead.id, 1, { mayBatch: true });
    expect(ofDead.isBatch).toBe(true);
    await dead.get(Heartbeat).stop();
    await waitFor('the blackout of a new fleet to be over', () => alive.get(RollCall).alive());
    // Proven: without `claimOf` the sweep asks for a second look, in five seconds, and nothing is back.
    expect(await alive.get(ActiveSweep).run([QUEUE])).toBe(false);
    expect((await waiting()).sort()).toEqual([...ids].sort());
    expect(await redis.exists(key('shiftwork-batches'))).toBe(0);
  });

  it('of a process that dies while the sweep for another one is under way are found as well', async () => {
    const member = await join();
    await member.get(Relay).start();
    await accept(member, {}, {});
    member.get(Relay).nudge();
    await waitFor('both to wait', async () => (await waiting()).length === 2);
    const dies = (id: string) => member.get(Entries).fetch(QUEUE, 1, id, 1);
    await dies('one');
    await member.get(Postgres).transaction(async (manager) => {
      await manager.query(`LOCK TABLE "${appName}".task IN ACCESS EXCLUSIVE MODE`);
      member.get(Relay).nudge();
      await waitFor('the sweep to have read what is active, and to ask for the rows', async () => {
        const waiters = `SELECT FROM pg_locks WHERE relation = '"${appName}".task'::regclass AND NOT granted`;
        return (await query(waiters)).length > 0;
      });
      await dies('two');
      member.get(Relay).nudge();
    });
    await waitFor('both to wait again', async () => (await waiting()).length === 2, { deadlineMs: 15_000 });
    expect(await redis.lrange(key('active'), 0, -1)).toEqual([]);
  });

  it('whose lock has run out are looked at twice, and locked again for a running execution', async () => {
    const member = await join();
    await member.get(Relay).start();
    const [running = '', ahead = ''] = await accept(member, {}, {});
    member.get(Relay).nudge();
    await waitFor('both', async () => (await redis.llen(key('wait'))) === 2);
    await fetchAs(member, 2);
    await start(member, running, `${member.id}:1`);
    await redis.del(key(`${running}:lock`), key(`${ahead}:lock`));
    member.get(Relay).nudge();
    await waitFor('the lock', async () => (await redis.get(key(`${running}:lock`))) === `${member.id}:1`);
    await waitFor('the one ahead to be back', async () => (await waiting()).includes(ahead));
    const swept = member.events.filter((event) => event.name === 'dispatch.swept');
    expect(swept.at(-1)?.fields).toMatchObject({ removed: 0, put: 1, relocked: 1 });
  });
});

/** The next process after `member`, which finds that this is not the Redis that was noted, and no reminder of what it lacks. */
async function joinWithAnotherRedis(member: Awaited<ReturnType<typeof join>>): ReturnType<typeof join> {
  const postgres = member.get(Postgres);
  await postgres.query({ text: `UPDATE shiftwork.dispatch_state SET redis_run_id = 'of yesterday'` });
  await postgres.query({ text: 'DELETE FROM shiftwork.outbox' });
  await leave(member);
  return join();
}

describe('another Redis', () => {
  let server: DedicatedServer | undefined;
  afterAll(async () => {
    await server?.dispose();
  });

  it('than the one noted is checked as a whole: what it does not hold is put, though the marker stands', async () => {
    const member = await join();
    await member.get(Relay).start();
    const [first] = await member
      .get(Postgres)
      .query<{ redis_run_id: string }>({ text: 'SELECT redis_run_id FROM shiftwork.dispatch_state' });
    expect(first?.redis_run_id).toMatch(/^[0-9a-f]{40}$/);
    const [id = ''] = await accept(member, {});
    const next = await joinWithAnotherRedis(member);
    await next.get(Relay).start();
    await waitFor('it', async () => (await waiting()).includes(id));
    const [noted] = await next
      .get(Postgres)
      .query<{ redis_run_id: string }>({ text: 'SELECT redis_run_id FROM shiftwork.dispatch_state' });
    expect(noted?.redis_run_id).toBe(first?.redis_run_id);
  });

  // Proven: without `restorePauses` in checkIdentity it is filled and handed out, until the chores look, 75 s later.
  it('of an older state pauses what the ledger says is paused, before anything is put', async () => {
    const member = await join();
    await member.get(Relay).start();
    const [id = ''] = await accept(member, {});
    await member.get(QueueStates).pause(QUEUE, 'ann'); // Redis is from before: its marker stands, its pause does not
    const next = await joinWithAnotherRedis(member);
    const undispatched = next.get(Undispatched);
    const page = undispatched.waitingPage.bind(undispatched);
    let wasPaused = 0;
    undispatched.waitingPage = async (...args) => {
      wasPaused = await redis.exists(key('meta-paused'));
      return page(...args);
    };
    await next.get(Relay).start();
    await waitFor('the refill', async () => (await redis.exists(key(id))) === 1);
    expect(wasPaused).toBe(1);
    expect(await fetchAs(next, 5)).toMatchObject({ state: 'paused', fields: [] });
  });

  it('that comes back after an outage gets what was accepted meanwhile', async () => {
    server = await dedicatedRedis();
    const member = await join({ REDIS_URL: server.url });
    await member.get(Relay).start();
    await server.kill('SIGKILL');
    const [id = ''] = await accept(member, {});
    member.get(Relay).nudge();
    await server.restart();
    const direct = new Redis(server.url);
    await waitFor('it', async () => (await direct.lrange(key('wait'), 0, -1)).includes(id), {
      deadlineMs: 20_000,
    });
    direct.disconnect();
  });
});

describe('chores', () => {
  it('bring what becomes due within ten minutes into Redis, and put a lost entry again', async () => {
    const member = await join();
    await member.get(Relay).start();
    const [soon = '', far = '', lost = ''] = await accept(
      member,
      { dueAt: new Date(Date.now() + 300_000) },
      { dueAt: new Date(Date.now() + 3_600_000) },
      {},
    );
    await member.get(Chores).runDue();
    expect(await redis.exists(key(soon), key(lost))).toBe(2);
    expect(await redis.exists(key(far))).toBe(0);
    await redis.multi().del(key(lost)).del(key('wait')).exec();
    await member.get(Chores).runDue();
    expect(await waiting()).toEqual([lost]);
  });

  // Proven: without `isListLost` their hashes make them look present, and nobody ever fetches them.
  it.each(['wait', 'paused'])('make entries anew whose list %s was lost alone, in order', async (list) => {
    const member = await join();
    await member.get(Relay).start();
    const ids = await accept(member, {}, {}, {});
    await member.get(OldestCheck).run(); // puts them
    expect(await waiting()).toHaveLength(3);
    if (list === 'paused') await member.get(QueueControl).pause(QUEUE);
    await redis.del(key(list));
    await member.get(OldestCheck).run();
    expect(await redis.lrange(key(list), 0, -1)).toEqual([...ids].reverse()); // the right end is served first
  });

  // Proven: without the look into `active` they wait once more, beside themselves.
  it('leave entries alone that are all being worked on', async () => {
    const member = await join();
    await member.get(Relay).start();
    await accept(member, ...Array.from({ length: 18 }, () => ({})));
    await member.get(OldestCheck).run(); // puts them
    await member.get(Entries).fetch(QUEUE, 18, member.id, 1, { mayBatch: true });
    await member.get(OldestCheck).run();
    expect([await waiting(), (await redis.lrange(key('active'), 0, -1)).length]).toEqual([[], 18]);
  });

  it('put what is lost again in calls of a bounded size, however large the payloads', async () => {
    const member = await join();
    await member.get(Relay).start();
    const payloadText = JSON.stringify('x'.repeat(200_000));
    const ids = await accept(member, ...Array.from({ length: 20 }, () => ({ payloadText })));
    const sizes: number[] = [];
    const watch = await redis.duplicate().monitor();
    watch.on('monitor', (_, args: string[]) => {
      if (args.includes(key(''))) sizes.push(args.join('').length);
    });
    await member.get(OldestCheck).run();
    await waitFor('all', async () => (await waiting()).length === ids.length);
    await waitFor('the calls', () => sizes.reduce((a, b) => a + b, 0) > 20 * 200_000);
    watch.disconnect();
    expect(Math.max(...sizes)).toBeLessThan(1_100_000); // Proven: with one call for all of them it is four millions.
  });

  it('make Redis agree with the ledger about pauses', async () => {
    const member = await join();
    await member.get(Relay).start();
    await member.get(QueueStates).pause(QUEUE, 'ann');
    await member.get(Chores).runDue();
    expect((await member.get(QueueStats).counts(QUEUE)).paused).toBe(true);
    await member.get(QueueStates).resume(QUEUE);
    await member.get(Chores).runDue();
    expect((await member.get(QueueStats).counts(QUEUE)).paused).toBe(false);
  });

  it('cost one query when there is nothing to do, whoever has signed in', async () => {
    const member = await join();
    await member.get(Relay).start();
    await member.get(Relay).quiet(); // a new fleet sweeps until its blackout is over
    const ran: unknown[] = [];
    const chores = member.get(Chores);
    chores.signIn({
      name: 'never',
      due: 'false',
      run: () => {
        ran.push('never');
        return Promise.resolve();
      },
    });
    chores.signIn({ name: 'broken', due: 'true', run: () => Promise.reject(new Error('broken')) });
    chores.signIn({
      name: 'always',
      due: `'seven'::text`,
      run: (due) => {
        ran.push(due);
        return Promise.resolve();
      },
    });
    const statements: string[] = [];
    const postgres = member.get(Postgres);
    const query = postgres.query.bind(postgres);
    postgres.query = (statement, values) => {
      statements.push(statement.text);
      return query(statement, values);
    };
    await chores.runDue();
    expect(statements).toHaveLength(1);
    expect(ran).toEqual(['seven']);
    expect(member.events.some((event) => event.name === 'loop.failed')).toBe(true);
  });
});
