import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ticksPlanned } from '../../../src/clock/clock.js';
import { MachineClocks } from '../../../src/clock/ledger-time.js';
import { ScheduleBook } from '../../../src/clock/schedule-book.js';
import { TickTasks } from '../../../src/clock/tick-tasks.js';
import { deferred, newId } from '../../../src/foundation/index.js';
import { ScheduleRecords } from '../../../src/ledger/index.js';
import { Postgres } from '../../../src/postgres/index.js';
import { Tasks } from '../../../src/tasks/index.js';
import { ClockApp, sinceThen, tasksOf, ticksOf, type ClockAppOptions } from '../../support/clock.js';
import { dropWorld, query, uniqueAppName } from '../../support/servers.js';
import { waitFor, within } from '../../support/wait.js';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A world, and a way to start processes in it. */
function setup(): { appName: string; start: (options?: ClockAppOptions) => Promise<ClockApp> } {
  const appName = uniqueAppName();
  open.push(() => dropWorld(appName));
  const start = async (options?: ClockAppOptions): Promise<ClockApp> => {
    const app = await ClockApp.start(appName, options);
    open.push(() => app.stop());
    return app;
  };
  return { appName, start };
}

const note = { job: 'clock.note', payload: { text: 'tick' } };
const outcomes = async (appName: string, schedule: string): Promise<string[]> =>
  (await ticksOf(appName, schedule)).map((tick) => tick.outcome);

describe('a clock that was down over ten ticks', () => {
  it('fires none, one or all of them, as the policy says, and marks each', async () => {
    const { appName, start } = setup();
    const web = await start({ roles: ['web'] });
    const bodies = {
      skip: { misfire: 'skip' },
      once: { misfire: 'once' },
      all: { misfire: 'all' },
      limited: { misfire: 'all', misfireLimit: 3 },
      late: { misfire: 'all', misfireGrace: 4 * 60_000 },
      long: { misfire: 'once', misfireGrace: 3_600_000, every: 1_000 },
    };
    for (const [name, body] of Object.entries(bodies)) {
      await web.schedules.put(name, { ...note, every: 60_000, options: { key: name }, ...body });
      await sinceThen(appName, name, '10 minutes 30 seconds');
    }
    const clock = await start();
    await waitFor(
      'the ticks of every schedule',
      async () => (await query(`select distinct schedule from "${appName}".schedule_tick`)).length === 6,
    );

    expect(await outcomes(appName, 'skip')).toEqual(Array(10).fill('skipped'));
    expect(await outcomes(appName, 'once')).toEqual([...Array<string>(9).fill('coalesced'), 'fired']);
    expect(await outcomes(appName, 'all')).toEqual(Array(10).fill('fired'));
    expect(await outcomes(appName, 'limited')).toEqual([
      ...Array<string>(7).fill('missed'),
      ...Array<string>(3).fill('fired'),
    ]);
    // The newest is 30 s late: four of them are not later than the grace.
    expect(await outcomes(appName, 'late')).toEqual([
      ...Array<string>(6).fill('missed'),
      ...Array<string>(4).fill('fired'),
    ]);
    const [range, ...named] = await ticksOf(appName, 'long');
    expect(range).toMatchObject({ outcome: 'coalesced', reason: 'misfire' });
    expect(range?.count).toBeGreaterThanOrEqual(10 * 60 - 70);
    // The newest of the hundred may be on time, when the clock came up in that very second.
    expect(named.filter((tick) => tick.reason !== null).length).toBeGreaterThanOrEqual(99);
    expect(named.length).toBeGreaterThanOrEqual(100);

    const tasks = await tasksOf(appName);
    const made = (key: string): number => tasks.filter((task) => task.key === key).length;
    expect([made('skip'), made('once'), made('all'), made('limited'), made('late')]).toEqual([
      0, 1, 10, 3, 4,
    ]);
    expect(clock.eventsNamed('schedule.misfired').map((event) => event.fields['schedule'])).toEqual(
      expect.arrayContaining(['skip', 'once', 'all', 'limited', 'late', 'long']),
    );
    expect((await web.schedules.get('once')).last).toMatchObject({
      outcome: 'fired',
      reason: 'misfire',
      task: expect.any(String) as string,
    });
  });
});

describe('thousands of ticks that are caught up at once', () => {
  // Proven: in one statement they are two thousand rows.
  it('are recorded in statements of bounded size', async () => {
    const { appName, start } = setup();
    const web = await start({ roles: ['web'] });
    for (const name of ['one', 'other']) {
      await web.schedules.put(name, {
        ...note,
        every: 60_000,
        misfire: 'all',
        misfireLimit: 1_000,
        misfireGrace: 86_400_000,
      });
      await sinceThen(appName, name, '1000 minutes 30 seconds');
    }
    await query(`create table "${appName}".size (rows int)`);
    await query(`create function "${appName}".measure() returns trigger language plpgsql as
      $$ begin insert into "${appName}".size select count(*) from written; return null; end $$`);
    await query(`create trigger measure after insert on "${appName}".schedule_tick referencing new table as written
      for each statement execute function "${appName}".measure()`);
    await start();
    await waitFor('all the tasks', async () => (await tasksOf(appName)).length >= 2_000);
    const sizes = await query<{ rows: number }>(`select rows from "${appName}".size`);
    expect(sizes.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...sizes.map(({ rows }) => rows))).toBeLessThanOrEqual(1_000);
  });

  // Proven: with all that are alike in one group, each of the 1,499 has a statement, and an outbox row, of its own.
  it('are made one by one only near the one that is refused', async () => {
    const { appName, start } = setup();
    const web = await start({ roles: ['web'] });
    await web.schedules.put('often', { ...note, every: 60_000 });
    const { row } = await web.get(ScheduleRecords).find('often');
    if (row === null) throw new Error('it was put just now');
    const rows = [...Array<typeof row>(1_499).fill(row), { ...row, payload: { text: 7 } }];
    const [made, boxes] = await web.get(Postgres).transaction(async (manager) => {
      const made = await web.get(TickTasks).make(manager, rows);
      const [outbox] = await manager.query<{ boxes: number }[]>(
        `select count(*)::int as boxes from "${appName}".outbox`,
      );
      return [made, outbox?.boxes];
    });
    expect(made.flatMap((each, i) => ('refusal' in each ? [i] : []))).toEqual([1_499]);
    const tasks = await tasksOf(appName);
    expect(new Set(made.flatMap((each) => ('task' in each ? [each.task] : [])))).toEqual(
      new Set(tasks.map(({ id }) => id)),
    );
    expect(boxes).toBe(1 + 499);
  });
});

describe('several clocks', () => {
  // Proven: with Clock.mayAct() always true all three act (and the claim still holds them to one tick each).
  it('fire each due moment once, and one of them leads', async () => {
    const { appName, start } = setup();
    const clocks = await Promise.all([start(), start(), start()]);
    await clocks[0].schedules.put('secondly', { ...note, cron: '* * * * * *', misfire: 'all' });
    await waitFor('four ticks', async () => (await ticksOf(appName, 'secondly')).length >= 4);
    const ticks = await ticksOf(appName, 'secondly');
    expect(clocks.filter((clock) => clock.eventsNamed('clock.started').length > 0)).toHaveLength(1);
    expectNoGap(ticks.map((tick) => tick.due));
    expect(new Set(ticks.map((tick) => tick.task)).size).toBe(ticks.length);
    expect(await tasksOf(appName)).toHaveLength(ticks.length);
  });

  // Proven: without `s.last_due_at IS NOT DISTINCT FROM c.seen` in the claim all three win; without the version, or the
  // database's time, the refusals below are granted.
  it('cannot both record what both believe to be due', async () => {
    const { appName, start } = setup();
    const web = await start({ roles: ['web'] });
    await web.schedules.put('contended', { ...note, every: 60_000 });
    await sinceThen(appName, 'contended', '1 minute');
    const records = web.get(ScheduleRecords);
    const postgres = web.get(Postgres);
    const { rows, now } = await records.enabled();
    const claims = rows.map((row) => ({
      name: row.name,
      version: row.version,
      seenAt: row.lastDueAt,
      dueAt: new Date(row.anchorAt.getTime() + 60_000),
    }));
    const claim = async (): Promise<number> =>
      postgres.transaction(async (manager) => (await records.claim(manager, claims)).won.size);
    expect((await Promise.all([claim(), claim(), claim()])).sort()).toEqual([0, 0, 1]);

    // A changed schedule, a paused one, and a due moment that the database has not reached are refused, too.
    const claimOf = async (part: { version?: string; dueAt?: Date }): Promise<number> => {
      const [row] = (await records.enabled()).rows;
      if (row === undefined) return 0;
      return postgres.transaction(
        async (manager) =>
          (
            await records.claim(manager, [
              { name: row.name, version: row.version, seenAt: row.lastDueAt, dueAt: now, ...part },
            ])
          ).won.size,
      );
    };
    expect(await claimOf({ dueAt: new Date(Date.now() + 60_000) })).toBe(0);
    expect(await claimOf({ version: '0' })).toBe(0);
    await web.schedules.pause('contended');
    expect(await claimOf({})).toBe(0);
  });
});

describe('a tick', () => {
  const appName = uniqueAppName();
  let clock: ClockApp;
  beforeAll(async () => {
    clock = await ClockApp.start(appName);
    await waitFor('the clock to lead', () => clock.eventsNamed('clock.started')[0]);
  });
  afterEach(async () => {
    for (const { name } of await clock.schedules.list()) await clock.schedules.delete(name);
  });
  afterAll(async () => {
    await clock.stop();
    await dropWorld(appName);
  });

  // Proven: without `taken` in withoutOverlap() every tick fires.
  it('is left out while a task of its schedule is under way, when overlap says so', async () => {
    await clock.schedules.put('patient', { ...note, every: 1_000, overlap: 'skip' });
    await waitFor('a skipped tick', async () => (await ticksOf(appName, 'patient')).length >= 3);
    const [first, ...rest] = await ticksOf(appName, 'patient');
    expect(first?.outcome).toBe('fired'); // nobody works here, so its task stays under way
    expect(new Set(rest.map((tick) => `${tick.outcome} ${String(tick.reason)}`))).toEqual(
      new Set(['skipped overlap']),
    );
  });

  // Proven: as one condition over `live`, the ticks are read once for each task that waits.
  it('looks for that task among its own, however many others wait', async () => {
    const { appName, start } = setup();
    const web = await start({ roles: ['web'] });
    await web.schedules.put('patient', { ...note, every: 3_600_000, overlap: 'skip' });
    await web.get(Tasks).enqueueMany('clock.note', Array(1_000).fill(note.payload));
    await query(`insert into "${appName}".schedule_tick (schedule, due_at, outcome, late_by_ms, task_id)
      select 'patient', now() - n * interval '1 hour', 'fired', 0, gen_random_uuid() from generate_series(1, 100) n`);
    const [rows, busy] = await web.get(Postgres).transaction(async (manager) => {
      const busy = await web.get(ScheduleRecords).busy(manager, ['patient']);
      const [read] = await manager.query<{ rows: string }[]>(
        `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) as rows from pg_stat_xact_user_tables where schemaname = $1`,
        [appName],
      );
      return [Number(read?.rows), busy];
    });
    expect(busy.size).toBe(0);
    expect(rows).toBeLessThan(5_000);
  });

  it('that cannot become a task is recorded as failed, with the reason, and harms no other', async () => {
    await clock.schedules.put('good', { ...note, cron: '* * * * * *' });
    await clock.schedules.put('outdated', { ...note, cron: '* * * * * *' });
    await query(
      `update "${appName}".schedule set payload = '{"text":7}', version = nextval('"${appName}".schedule_version') where name = 'outdated'`,
    );
    await waitFor('a failed tick', async () =>
      (await ticksOf(appName, 'outdated')).some((tick) => tick.outcome === 'failed'),
    );
    const failed = (await ticksOf(appName, 'outdated')).find((tick) => tick.outcome === 'failed');
    expect(failed).toMatchObject({ task: null, reason: expect.stringContaining('payload.text') as string });
    // Both were due in the same second, so that they shared a transaction.
    expect(
      (await ticksOf(appName, 'good')).find((tick) => tick.due.getTime() === failed?.due.getTime())?.outcome,
    ).toBe('fired');
  });

  // A newer release may have taken a pattern, or a newer Node a time zone, that this one does not know.
  it('of a schedule that cannot be read is left out, and told of, and harms no other', async () => {
    await clock.schedules.put('good', { ...note, cron: '* * * * * *' });
    await clock.schedules.put('unreadable', { ...note, cron: '* * * * * *' });
    await query(
      `update "${appName}".schedule set time_zone = 'Moon/Tycho', version = nextval('"${appName}".schedule_version') where name = 'unreadable'`,
    );
    clock.get(ScheduleBook).noteChange(null);
    await waitFor('it to be told of', () => clock.eventsNamed('schedule.unreadable')[0]);
    const before = (await ticksOf(appName, 'good')).length;
    await waitFor('ticks of another', async () => (await ticksOf(appName, 'good')).length >= before + 2);
    expect(await clock.schedules.get('unreadable')).toMatchObject({ timeZone: 'Moon/Tycho', nextAt: null });
  });

  it('follows a change at once, and stops with a pause', async () => {
    await clock.schedules.put('yearly', { ...note, cron: '0 0 1 1 *' });
    await clock.schedules.put('yearly', { ...note, cron: '* * * * * *' });
    await waitFor('its first tick', async () => (await ticksOf(appName, 'yearly')).length > 0);
    await clock.schedules.pause('yearly');
    const before = (await ticksOf(appName, 'yearly')).length;
    await clock.schedules.put('other', { ...note, every: 1_000 });
    await waitFor('ticks of another', async () => (await ticksOf(appName, 'other')).length >= 2);
    expect(await ticksOf(appName, 'yearly')).toHaveLength(before);
  });

  // Proven: when the row of the pause reaches beyond the moment from which the schedule fires again, what is due between the two
  // is recorded twice; the second one is refused, again and again, and nothing is fired any more.
  it('that comes due while a resume has to wait is recorded once', async () => {
    await clock.schedules.put('waited', { ...note, every: 1_000 });
    await clock.schedules.pause('waited');
    const records = clock.get(ScheduleRecords);
    const resumed = await clock.get(Postgres).transaction(async (manager) => {
      await records.noteRun(manager, 'waited', newId()); // as a run by hand does
      const waiting = clock.schedules.resume('waited');
      const waiters = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%${appName}%'`;
      await waitFor('the resume to wait', async () => (await query(waiters)).length > 0);
      const { now } = await records.glance();
      await waitFor(
        'a due moment',
        async () => (await records.glance()).now.getTime() > now.getTime() + 1_000,
      );
      return { waiting };
    });
    await resumed.waiting;
    await waitFor(
      'two tasks',
      async () => (await ticksOf(appName, 'waited')).filter((tick) => tick.task).length >= 2,
    );
    expectNoGap((await ticksOf(appName, 'waited')).map((tick) => tick.due));
  });

  // Proven: with the wall clock in LedgerTime.now(), the jump forward claims moments that the database refuses, again and
  // again, and nothing is fired any more.
  it('is neither doubled nor followed by a flood when the wall clock is set forward and back', async () => {
    const real = new MachineClocks();
    await clock.schedules.put('secondly', { ...note, cron: '* * * * * *', misfire: 'all' });
    await clock.schedules.put('yearly', { ...note, cron: '0 0 1 1 *', misfire: 'all' });
    for (const jump of [3_600_000, -3_600_000]) {
      const before = (await ticksOf(appName, 'secondly')).length;
      clock.get(MachineClocks).wallMs = () => real.wallMs() + jump;
      await waitFor('two ticks more', async () => (await ticksOf(appName, 'secondly')).length >= before + 2);
    }
    const ticks = await ticksOf(appName, 'secondly');
    const { now } = await clock.get(ScheduleRecords).glance();
    expectNoGap(ticks.map((tick) => tick.due));
    expect(
      ticks.every((tick) => tick.due.getTime() <= now.getTime() + 1_000 && tick.outcome === 'fired'),
    ).toBe(true);
    expect(await ticksOf(appName, 'yearly')).toEqual([]);
    expect(clock.eventsNamed('clock.jumped').length).toBeGreaterThanOrEqual(2);
    clock.get(MachineClocks).wallMs = () => real.wallMs();
  });

  it('that is being written when a drain comes and is taken back is not the last one', async () => {
    const { appName, start } = setup();
    const clock = await start();
    const written = deferred();
    let planned = 0;
    const stopListening = ticksPlanned.listen(() => (planned++ === 0 ? written.promise : undefined));
    open.push(async () => stopListening());
    await clock.schedules.put('each-second', { ...note, every: 1_000 });
    await waitFor('a tick that is being written', () => planned === 1);
    const quiet = clock.clock.quiet();
    await clock.clock.resume();
    written.resolve();
    await within('the end of the tick', quiet);
    await waitFor('more ticks', () => planned > 2);
    expect(
      (await outcomes(appName, 'each-second')).filter((each) => each === 'fired').length,
    ).toBeGreaterThan(1);
  });

  // Proven: when postpone() takes all that were due, and not only what was not recorded, there is no second tick.
  it('is followed by the next one although old ticks could not be removed after it', async () => {
    const { appName, start } = setup();
    const web = await start({ roles: ['web'] });
    await web.schedules.put('steady', { ...note, every: 3_000 });
    await query(`insert into "${appName}".schedule_tick (schedule, due_at, outcome, late_by_ms)
      select 'steady', now() - n * interval '400 days', 'missed', n from generate_series(1, 2) n`);
    await query(`create sequence "${appName}".looks`); // counts on through the rollback: the first look fails
    await query(`create function "${appName}".refuse() returns trigger language plpgsql as
      $$ begin if nextval('"${appName}".looks') = 1 then raise 'not now'; end if; return null; end $$`);
    await query(`create trigger refuse before delete on "${appName}".schedule_tick
      for each statement execute function "${appName}".refuse()`);
    await start();
    await waitFor('the second tick', async () => (await tasksOf(appName)).length >= 2);
  });

  it('that falls into a drain is left to the misfire policy; meanwhile another clock may lead', async () => {
    await clock.lifecycle.drain.quiet(['clock'], 'test');
    for (const misfire of ['skip', 'once', 'all'])
      await clock.schedules.put(misfire, { ...note, every: 1_000, misfire });
    const { now: since } = await clock.get(ScheduleRecords).glance();
    await waitFor(
      'three seconds by the database',
      async () => (await clock.get(ScheduleRecords).glance()).now.getTime() > since.getTime() + 3_100,
    );
    for (const misfire of ['skip', 'once', 'all']) expect(await ticksOf(appName, misfire)).toEqual([]);

    await clock.lifecycle.drain.resume('test');
    const inDrain = async (name: string): Promise<string[]> =>
      (await ticksOf(appName, name)).filter((tick) => tick.reason === 'drain').map((tick) => tick.outcome);
    for (const misfire of ['skip', 'once', 'all'])
      await waitFor(`the ticks of ${misfire}`, async () => (await inDrain(misfire)).length >= 3);
    expect(new Set(await inDrain('skip'))).toEqual(new Set(['skipped']));
    expect((await inDrain('once')).filter((outcome) => outcome === 'fired')).toHaveLength(1);
    expect(new Set(await inDrain('all'))).toEqual(new Set(['fired']));

    // A drain stops the clocks of one release; the next release's must be able to lead beside them.
    await clock.lifecycle.drain.quiet(['clock'], 'test');
    const next = await ClockApp.start(appName);
    await waitFor('the other to lead', () => next.eventsNamed('clock.started')[0]);
    await next.stop();
    await clock.lifecycle.drain.resume('test');
  });
});

function expectNoGap(dues: readonly Date[]): void {
  const steps = dues.slice(1).map((due, i) => due.getTime() - (dues[i]?.getTime() ?? 0));
  expect(new Set(steps)).toEqual(new Set([1_000]));
}
