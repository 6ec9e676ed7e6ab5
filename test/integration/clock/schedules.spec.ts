import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidScheduleError, ScheduleNotFoundError } from '../../../src/clock/index.js';
import { encodeCursor } from '../../../src/foundation/index.js';
import { ClockApp, sinceThen, tasksOf, ticksOf } from '../../support/clock.js';
import { dropWorld, query, uniqueAppName } from '../../support/servers.js';

// A web: it reads and changes schedules, and no clock runs beside it.
const appName = uniqueAppName();
let web: ClockApp;
beforeAll(async () => {
  web = await ClockApp.start(appName, { roles: ['web'] });
});
afterAll(async () => {
  await web.stop();
  await dropWorld(appName);
});

const daily = { job: 'clock.note', payload: { text: 'hello' }, cron: '0 9 * * *' };

describe('a schedule that is put', () => {
  it('is new the first time and changed the next, with every field and default', async () => {
    const first = await web.schedules.put('daily', daily);
    expect(first.isNew).toBe(true);
    expect(first.schedule).toEqual({
      name: 'daily',
      kind: 'task',
      job: 'clock.note',
      payload: { text: 'hello' },
      options: {},
      cron: '0 9 * * *',
      every: null,
      at: null,
      timeZone: 'UTC',
      misfire: 'once',
      misfireLimit: 100,
      misfireGrace: 3_600_000,
      overlap: 'allow',
      enabled: true,
      disabledBy: null,
      source: 'api',
      nextAt: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T09:00:00\.000Z$/) as string,
      last: null,
    });
    const second = await web.schedules.put('daily', {
      ...daily,
      cron: '30 9 * * *',
      timeZone: 'Europe/Berlin',
      misfire: 'all',
      misfireGrace: 5_000,
      overlap: 'skip',
    });
    expect(second.isNew).toBe(false);
    expect(second.schedule).toMatchObject({
      cron: '30 9 * * *',
      timeZone: 'Europe/Berlin',
      misfire: 'all',
      misfireGrace: 5_000,
      overlap: 'skip',
    });
    expect(await web.schedules.get('daily')).toEqual(second.schedule);
  });

  it('takes an interval or one date, and options for its tasks', async () => {
    const at = new Date(Date.now() + 3_600_000).toISOString();
    expect(
      (
        await web.schedules.put('often', {
          job: 'clock.note',
          payload: { text: 'x' },
          every: 90_000,
          options: { priority: 3, key: 'often' },
        })
      ).schedule,
    ).toMatchObject({ every: 90_000, options: { priority: 3, key: 'often' } });
    expect(
      (await web.schedules.put('once', { job: 'clock.note', payload: { text: 'x' }, at })).schedule,
    ).toMatchObject({ at, nextAt: at });
  });

  it.each([
    ['a cron of four fields', { cron: '* * * *' }, 'cron', 'five fields'],
    ['a cron of no time', { cron: '61 * * * *' }, 'cron', 'minute'],
    ['a cron that is never due', { cron: '0 0 30 2 *' }, 'cron', 'never due'],
    ['seven fields', { cron: '0 0 0 1 1 * 2030' }, 'cron', 'it has 7'],
    ['words', { cron: 'every day' }, 'cron', 'it has 2'],
    ['no time at all', { cron: undefined }, 'cron', 'exactly one'],
    ['two rules', { every: 5_000 }, 'every', 'exactly one'],
    ['an interval that is too short', { cron: undefined, every: 999 }, 'every', '1000'],
    ['a date that has passed', { cron: undefined, at: '2020-01-01T00:00:00Z' }, 'at', 'past'],
    ['a date without a zone', { cron: undefined, at: '2030-01-01T00:00:00' }, 'at', 'instant'],
    ['an unknown job', { job: 'clock.nothing' }, 'job', 'no job'],
    ['no job', { job: undefined }, 'job', 'missing'],
    ['a bad time zone', { timeZone: 'Mars/Base' }, 'timeZone', 'IANA'],
    ['a payload that its job refuses', { payload: { text: 'x', width: -1 } }, 'payload.width', ''],
    ['no payload for a job that needs one', { payload: undefined }, 'payload.text', ''],
    ['an unknown policy', { misfire: 'twice' }, 'misfire', 'skip, once, all'],
    ['a negative grace', { misfireGrace: -1 }, 'misfireGrace', 'whole number'],
    ['an unknown overlap', { overlap: 'wait' }, 'overlap', 'allow, skip'],
    ['enabled as text', { enabled: 'yes' }, 'enabled', 'true or false'],
    ['an unknown key', { tz: 'UTC' }, 'tz', 'unknown'],
    ['an unknown option', { options: { runAt: 'now' } }, 'options.runAt', 'unknown'],
    ['an option out of range', { options: { priority: 0 } }, 'options.priority', '1'],
    ['a timeout that no timer keeps', { options: { timeout: 2 ** 31 } }, 'options.timeout', '2147483647'],
  ])('is refused for %s, and nothing is changed', async (_what, change, path, message) => {
    const before = await web.schedules.get('daily');
    const refusal = await web.schedules
      .put('daily', { ...daily, ...change })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(InvalidScheduleError);
    expect(refusal).toMatchObject({
      code: 'invalid',
      details: {
        errors: expect.arrayContaining([
          { path, message: expect.stringContaining(message) as string },
        ]) as unknown[],
      },
    });
    expect(await web.schedules.get('daily')).toEqual(before);
  });

  it('is told of everything that is wrong at once', async () => {
    const refusal = await web.schedules
      .put('bad', { job: 'clock.note', payload: {}, cron: 'x', timeZone: 'y', misfire: 'z' })
      .catch((error: unknown) => error);
    expect((refusal as InvalidScheduleError).issues.map((issue) => issue.path)).toEqual([
      'timeZone',
      'cron',
      'misfire',
      'payload.text',
    ]);
    await expect(web.schedules.get('bad')).rejects.toBeInstanceOf(ScheduleNotFoundError);
  });
});

describe('a schedule at run time', () => {
  it('is listed in pages, by name', async () => {
    const first = await web.schedules.page(2);
    const second = await web.schedules.page(2, first.nextCursor);
    expect([...first.items, ...second.items].map((schedule) => schedule.name)).toEqual([
      'daily',
      'often',
      'once',
    ]);
    expect(second.nextCursor).toBeNull();
    await expect(web.schedules.page(2, 'forged')).rejects.toMatchObject({ code: 'bad-cursor' });
  });

  it('is paused and resumed, and what fell into the pause is one skipped row', async () => {
    await web.schedules.put('minutely', { ...daily, cron: '* * * * *', misfire: 'all' });
    expect(await web.schedules.pause('minutely')).toMatchObject({
      enabled: false,
      disabledBy: 'person',
      nextAt: null,
    });
    expect(await web.schedules.pause('minutely')).toMatchObject({ enabled: false });
    await sinceThen(appName, 'minutely', '10 minutes');
    const resumed = await web.schedules.resume('minutely');
    expect(resumed).toMatchObject({
      enabled: true,
      disabledBy: null,
      last: { outcome: 'skipped', reason: 'disabled', count: 10, task: null },
    });
    expect(Date.parse(resumed.nextAt ?? '')).toBeGreaterThan(Date.now());
  });

  it('is run now: a task, and no tick', async () => {
    const before = await ticksOf(appName, 'often');
    const task = await web.schedules.run('often');
    expect(task).toMatchObject({
      job: 'clock.note',
      payload: { text: 'x' },
      priority: 3,
      key: 'often',
      status: 'QUEUED',
      isNew: true,
    });
    expect((await tasksOf(appName)).map(({ id }) => id)).toContain(task.id);
    expect(await ticksOf(appName, 'often')).toEqual(before);
  });

  it('shows its ticks newest first, in pages', async () => {
    await query(
      `insert into "${appName}".schedule_tick (schedule, due_at, outcome, late_by_ms) select 'once', now() - n * interval '1 hour', 'missed', n from generate_series(1, 5) n`,
    );
    const first = await web.schedules.ticks('once', 3);
    const second = await web.schedules.ticks('once', 3, first.nextCursor);
    for (const forged of [-1, 8.64e15, 'today'])
      await expect(web.schedules.ticks('once', 3, encodeCursor([forged]))).rejects.toMatchObject({
        code: 'bad-cursor',
      });
    const last = Date.parse('9999-12-31T23:59:59.999Z');
    expect((await web.schedules.ticks('once', 3, encodeCursor([last]))).items).toEqual(first.items);
    expect([...first.items, ...second.items].map((tick) => tick.lateBy)).toEqual([1, 2, 3, 4, 5]);
    expect(first.items[0]).toMatchObject({
      schedule: 'once',
      until: null,
      count: 1,
      outcome: 'missed',
      task: null,
      reason: null,
    });
  });

  it('is deleted with its ticks; then nobody knows it', async () => {
    await web.schedules.delete('once');
    for (const call of ['get', 'delete', 'pause', 'resume', 'run', 'ticks'] as const) {
      await expect(web.schedules[call]('once')).rejects.toMatchObject({ code: 'not-found' });
    }
    expect(await ticksOf(appName, 'once')).toEqual([]);
  });

  it('made again under its name is another one', async () => {
    const versions = async (): Promise<unknown> =>
      query(`select version from "${appName}".schedule where name = 'again'`);
    await web.schedules.put('again', daily);
    const before = await versions();
    await web.schedules.delete('again');
    expect((await web.schedules.put('again', daily)).isNew).toBe(true);
    // What a clock saw of the old one must not fit the new one.
    expect(await versions()).not.toEqual(before);
  });
});
