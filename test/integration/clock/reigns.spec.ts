import { Injectable, Module, type Type } from '@nestjs/common';
import { Interval, Timeout } from '@nestjs/schedule';
import { afterEach, describe, expect, it } from 'vitest';
import { ticksPlanned } from '../../../src/clock/clock.js';
import { Declarations } from '../../../src/clock/declarations.js';
import { EnqueueOn } from '../../../src/clock/index.js';
import { NestSchedule } from '../../../src/clock/nest-schedule.js';
import { ScheduleExplorer } from '../../../src/clock/schedule-explorer.js';
import { Leaderships, type Leadership } from '../../../src/fleet/index.js';
import { deferred } from '../../../src/foundation/index.js';
import { ScheduleRecords } from '../../../src/ledger/index.js';
import { Postgres } from '../../../src/postgres/index.js';
import { RedisClients } from '../../../src/redis/index.js';
import { ClockApp, NoteJob } from '../../support/clock.js';
import { dropWorld, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A clock of one release that leads, and a web of another. */
async function setup(providers: Type[]): Promise<{ clock: ClockApp; other: ClockApp }> {
  const appName = uniqueAppName();
  open.push(() => dropWorld(appName));
  @Module({ providers })
  class Declaring {}
  const other = await ClockApp.start(appName, { roles: ['web'] });
  open.push(() => other.stop());
  const clock = await ClockApp.start(appName, { imports: [Declaring] });
  open.push(() => clock.stop());
  await waitFor('the clock to lead', () => clock.eventsNamed('clock.started')[0]);
  return { clock, other };
}

const LAPSE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/** Takes the lead from the clock, whose lease lapses until the rival has it. Resigned by the rival, the clock has it again. */
async function depose(clock: ClockApp, other: ClockApp): Promise<Leadership> {
  const { command, keys } = other.get(RedisClients);
  const lease = keys.lease('clock');
  const holder = String(await command.get(lease));
  const rival = other.get(Leaderships).of('clock');
  open.push(() => rival.resign());
  rival.start();
  await waitFor('the rival to lead', async () => {
    await command.eval(LAPSE, 1, lease, holder);
    return rival.isLeading();
  });
  await waitFor('the clock to lose the lead', () => clock.eventsNamed('fleet.leadsNoMore')[0]);
  return rival;
}

async function ledAgain(clock: ClockApp): Promise<void> {
  await waitFor('the clock to lead again', () => clock.eventsNamed('fleet.leads')[1]);
}

@EnqueueOn({ every: 1_000 }, { name: 'beat', job: NoteJob, payload: { text: 'beat' } })
@Injectable()
class Beating {}

const runs: string[] = [];

@Injectable()
class Frequent {
  @Interval('frequent', 100)
  run(): void {
    runs.push('run');
  }
}

@Injectable()
class Later {
  @Timeout(3_600_000)
  run(): void {}
}

describe('a clock that loses the lead and has it again', () => {
  // Proven: when it begins only while it does not act, the schedule stays disabled.
  it('between two rounds brings its declarations anew: another release may have led', async () => {
    const { clock, other } = await setup([Beating]);
    const written = deferred();
    let planned = 0;
    const stopListening = ticksPlanned.listen(() => (planned++ === 0 ? written.promise : undefined));
    open.push(async () => stopListening());
    await waitFor('a round in flight', () => planned === 1);
    const rival = await depose(clock, other);
    await other.get(Declarations).sync(other.get(ScheduleExplorer).declarations);
    expect(await clock.schedules.get('beat')).toMatchObject({ enabled: false, disabledBy: 'code' });
    await rival.resign();
    await ledAgain(clock);
    written.resolve();
    await waitFor('its schedule', async () => (await clock.schedules.get('beat')).enabled);
  });

  // Proven: when Clock.go() asks only whether it leads, the method runs ten times a second.
  it('runs no method before it knows what was paused meanwhile', async () => {
    const { clock, other } = await setup([Frequent]);
    await waitFor('the method to run', () => runs.length > 0);
    const rival = await depose(clock, other);
    await waitFor('the clock to notice', () => clock.eventsNamed('clock.stopped')[0]);
    await other.schedules.pause('frequent');
    const known = deferred();
    const records = other.get(ScheduleRecords);
    const holding = other.get(Postgres).transaction(async (manager) => {
      await records.lockDeclared(manager); // nobody begins to act
      await rival.resign();
      await known.promise;
    });
    await ledAgain(clock);
    const before = runs.length;
    const { now: since } = await records.glance();
    await waitFor(
      'half a second by the database',
      async () => (await records.glance()).now.getTime() > since.getTime() + 500,
    );
    known.resolve();
    await holding;
    expect(runs.length).toBe(before);
  });
});

// Proven: when NestSchedule.arm() sets it all the same. It would keep the process of a host app alive until it is due.
it('a round that ends after the clock has stopped sets no timer for a method', async () => {
  const { clock } = await setup([Later]);
  const methods = clock.get(NestSchedule);
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  methods.stop();
  const before = timers();
  methods.leads(new Set(['Later.run']));
  const after = timers();
  expect(after).toBe(before);
});
