import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NoClockWatch } from '../../../src/clock/index.js';
import { DrainChannel, type DrainWish } from '../../../src/control/index.js';
import { RedisClients } from '../../../src/redis/index.js';
import { TickRecords } from '../../../src/ledger/index.js';
import { ClockApp } from '../../support/clock.js';
import { dropWorld, query, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const SECOND = 1_000;

describe('a fleet without a clock', () => {
  const appName = uniqueAppName();
  let web: ClockApp;
  let watch: NoClockWatch;
  let redis: RedisClients;
  let drains: DrainChannel;
  beforeAll(async () => {
    web = await ClockApp.start(appName, { roles: ['web'] });
    watch = new NoClockWatch(...web.watchParts());
    redis = web.get(RedisClients);
    drains = web.get(DrainChannel);
  });
  afterAll(async () => {
    await web.stop();
    await dropWorld(appName);
  });

  const wish: Omit<DrainWish, 'expiresAt'> = {
    id: 'w',
    roles: ['clock', 'worker'],
    release: 'r1',
    kind: 'hold',
    by: 'deploy',
    withdrawnAt: null,
  };
  const told = (): number => web.eventsNamed('clock.nobodyLeads').length;

  it('is told of after a minute, once a minute, if a schedule is enabled and no drain stands', async () => {
    await watch.look(0);
    await watch.look(61 * SECOND);
    expect(told()).toBe(0); // nothing is scheduled
    expect(await watch.report()).toEqual({ leads: false, isNeeded: false });

    await web.schedules.put('daily', { job: 'clock.note', payload: { text: 'x' }, cron: '0 9 * * *' });
    expect(await watch.report()).toEqual({ leads: false, isNeeded: true });
    await drains.write(wish, 600 * SECOND);
    await watch.look(70 * SECOND);
    await drains.withdraw({ ...wish, expiresAt: 0 });
    await watch.look(80 * SECOND);
    await watch.look(139 * SECOND);
    expect(told()).toBe(0); // the drain was a reason; the minute begins anew after it

    await watch.look(141 * SECOND);
    await watch.look(150 * SECOND);
    expect(told()).toBe(1); // also with what Redis keeps of the drain: it has ended
    await watch.look(202 * SECOND);
    expect(told()).toBe(2);

    await drains.write({ ...wish, id: 'w2' }, 600 * SECOND);
    await watch.look(203 * SECOND);
    expect(web.eventsNamed('clock.leadsAgain')).toEqual([]); // the drain is a reason, and no clock

    await redis.command.set(redis.keys.lease('clock'), 'somebody');
    await watch.look(210 * SECOND);
    expect(web.eventsNamed('clock.leadsAgain')).toHaveLength(1);
    expect(await watch.report()).toEqual({ leads: true, isNeeded: true });
  });
});

describe('old ticks', () => {
  const appName = uniqueAppName();
  afterAll(() => dropWorld(appName));

  it('are forgotten after the retention, but for the newest of each schedule', async () => {
    const web = await ClockApp.start(appName, { roles: ['web'] });
    await web.schedules.put('a', { job: 'clock.note', payload: { text: 'x' }, cron: '0 9 * * *' });
    await web.schedules.put('b', { job: 'clock.note', payload: { text: 'x' }, cron: '0 9 * * *' });
    await query(`insert into "${appName}".schedule_tick (schedule, due_at, outcome, late_by_ms)
      select 'a', now() - n * interval '10 days', 'missed', n from generate_series(1, 6) n union all select 'b', now() - interval '90 days', 'missed', 9`);
    expect(await web.get(TickRecords).prune(30, 2)).toBe(2);
    expect(await web.get(TickRecords).prune(30, 100)).toBe(2);
    expect((await web.schedules.ticks('a')).items.map((tick) => tick.lateBy)).toEqual([1, 2]);
    expect((await web.schedules.get('b')).last).toMatchObject({ lateBy: 9 });

    // However many there are, they are found by their age.
    await query(`insert into "${appName}".schedule_tick (schedule, due_at, outcome, late_by_ms)
      select 'a', now() - n * interval '1 second', 'missed', n from generate_series(1, 20000) n`);
    await query(`analyze "${appName}".schedule_tick`);
    expect(await web.get(TickRecords).prune(5, 100)).toBe(2);
    await web.stop(); // what a connection has read is told at its end
    await waitFor('a look into the index of ages', async () => {
      const [index] = await query<{ used: boolean }>(
        `select idx_scan > 0 as used from pg_stat_user_indexes where schemaname = $1 and indexrelname = 'schedule_tick_due'`,
        [appName],
      );
      return index?.used;
    });
  });
});
