import { Injectable, Module, type Type } from '@nestjs/common';
import { Cron, Interval, ScheduleModule, Timeout } from '@nestjs/schedule';
import { afterAll, describe, expect, it } from 'vitest';
import { EnqueueOn } from '../../../src/clock/index.js';
import { deferred } from '../../../src/foundation/index.js';
import { ClockApp, NoteJob, type ClockAppOptions } from '../../support/clock.js';
import { dropWorld, query, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

function moduleOf(...providers: Type[]): NonNullable<ClockAppOptions['imports']>[number] {
  @Module({ providers })
  class Declaring {}
  return Declaring;
}

/** Boots a clock of a release, lets it lead, does something, and stops it. */
async function release(
  appName: string,
  providers: Type[],
  during: (clock: ClockApp) => Promise<void> = async () => {},
): Promise<ClockApp> {
  const clock = await ClockApp.start(appName, { imports: [moduleOf(...providers)] });
  try {
    await waitFor('the clock to lead', () => clock.eventsNamed('clock.started')[0]);
    await during(clock);
  } finally {
    await clock.stop();
  }
  return clock;
}

@EnqueueOn('0 9 * * *', { name: 'declared', job: NoteJob, payload: { text: 'v1' } })
@EnqueueOn(
  { every: 60_000 },
  { name: 'kept', job: 'clock.note', payload: { text: 'k' }, misfire: 'all', overlap: 'skip' },
)
@EnqueueOn('0 10 * * *', { name: 'owned', job: NoteJob, payload: { text: 'code' } })
@Injectable()
class FirstRelease {}

@EnqueueOn('0 8 * * *', {
  name: 'declared',
  job: NoteJob,
  payload: { text: 'v2' },
  timeZone: 'Europe/Berlin',
})
@EnqueueOn('0 11 * * *', { name: 'owned', job: NoteJob, payload: { text: 'code 2' } })
@Injectable()
class SecondRelease {}

describe('schedules that the code declares', () => {
  const appName = uniqueAppName();
  afterAll(() => dropWorld(appName));

  it('are written at boot, changed with the code, and left to people who changed them', async () => {
    await release(appName, [FirstRelease], async ({ schedules }) => {
      expect(await schedules.list()).toMatchObject([
        {
          name: 'declared',
          cron: '0 9 * * *',
          payload: { text: 'v1' },
          source: 'code',
          enabled: true,
          timeZone: 'UTC',
        },
        { name: 'kept', every: 60_000, misfire: 'all', overlap: 'skip', source: 'code' },
        { name: 'owned', source: 'code' },
      ]);
      await schedules.pause('declared');
      await schedules.put('owned', { job: 'clock.note', payload: { text: 'person' }, every: 5_000 });
      await schedules.pause('owned');
    });

    // The same release again: nothing that people did is undone.
    const again = await release(appName, [FirstRelease], async ({ schedules }) => {
      expect(await schedules.get('declared')).toMatchObject({ enabled: false, disabledBy: 'person' });
      expect(await schedules.get('owned')).toMatchObject({
        source: 'api',
        every: 5_000,
        payload: { text: 'person' },
      });
    });
    expect(again.eventsNamed('schedule.declared')).toEqual([]);

    const second = await release(appName, [SecondRelease], async ({ schedules }) => {
      expect(await schedules.get('declared')).toMatchObject({
        cron: '0 8 * * *',
        timeZone: 'Europe/Berlin',
        payload: { text: 'v2' },
        source: 'code',
        enabled: false,
        disabledBy: 'person',
      });
      expect(await schedules.get('owned')).toMatchObject({ source: 'api', every: 5_000 });
      expect(await schedules.get('kept')).toMatchObject({ enabled: false, disabledBy: 'code', nextAt: null });
      await schedules.delete('declared');
      await schedules.delete('owned');
    });
    expect(second.eventsNamed('schedule.declarationGone').map((event) => event.fields['schedule'])).toEqual([
      'kept',
    ]);
    expect(
      second.eventsNamed('schedule.declarationIgnored').map((event) => event.fields['schedule']),
    ).toEqual(['owned']);

    // What was deleted stays deleted while the code says the same; what comes back to the code comes back.
    await release(appName, [SecondRelease], async ({ schedules }) => {
      expect((await schedules.list()).map((schedule) => schedule.name)).toEqual(['kept']);
    });
    await release(appName, [FirstRelease], async ({ schedules }) => {
      expect((await schedules.list()).map((schedule) => [schedule.name, schedule.enabled])).toEqual([
        ['declared', true],
        ['kept', true],
        ['owned', true],
      ]);
    });
  });

  it('stay paused when a person paused them, also over a release that does not declare them', async () => {
    @EnqueueOn('0 9 * * *', { name: 'paused', job: NoteJob, payload: { text: 'x' } })
    @EnqueueOn('0 9 * * *', { name: 'off', job: NoteJob, payload: { text: 'x' }, enabled: false })
    @Injectable()
    class Before {}
    @EnqueueOn('0 9 * * *', { name: 'paused', job: NoteJob, payload: { text: 'y' } })
    @EnqueueOn('0 9 * * *', { name: 'off', job: NoteJob, payload: { text: 'y' } })
    @Injectable()
    class After {}
    const appName = uniqueAppName();
    await release(appName, [Before], async ({ schedules }) => {
      await schedules.pause('paused');
      expect(await schedules.get('off')).toMatchObject({ enabled: false, disabledBy: 'code' });
    });
    await release(appName, []);
    await release(appName, [After], async ({ schedules }) => {
      expect(await schedules.list()).toMatchObject([
        { name: 'off', enabled: true, payload: { text: 'y' } },
        { name: 'paused', enabled: false, disabledBy: 'person', payload: { text: 'y' } },
      ]);
    });
    await dropWorld(appName);
  });

  it.each<[string, [when: string, options?: unknown], string]>([
    ['a bad pattern', ['0 0 30 2 *', { job: NoteJob, payload: { text: 'x' } }], 'never due'],
    [
      'a payload that its job refuses',
      ['0 9 * * *', { job: 'clock.note', payload: {} }],
      'refuses its payload',
    ],
    ['an unknown job', ['0 9 * * *', { job: 'nothing' }], 'no job "nothing"'],
    ['no job at all', ['0 9 * * *'], 'Add job'],
  ])('stop the boot for %s', async (_what, [when, options], message) => {
    @EnqueueOn(when, options as never)
    @Injectable()
    class Wrong {}
    await expect(ClockApp.start(appName, { roles: ['web'], imports: [moduleOf(Wrong)] })).rejects.toThrow(
      message,
    );
  });
});

it('stop the boot when a method of @nestjs/schedule has the name of one of them', async () => {
  @EnqueueOn('0 9 * * *', { name: 'cleanup', job: NoteJob, payload: { text: 'x' } })
  @Injectable()
  class Declared {}
  @Injectable()
  class Scheduled {
    @Cron('0 9 * * *', { name: 'cleanup' })
    run(): void {}
  }
  const appName = uniqueAppName();
  const imports = [moduleOf(Declared, Scheduled)];
  const boot = ClockApp.start(appName, { roles: ['web'], imports }).then((app) => app.stop());
  await expect(boot.finally(() => dropWorld(appName))).rejects.toThrow('"cleanup"');
});

// Two instances would run it twice: as with a job, the module that has it is to say so.
it('stop the boot when the class of a method is in two modules, with what to do', async () => {
  @Injectable()
  class Shared {
    @Cron('0 9 * * *')
    run(): void {}
  }
  const appName = uniqueAppName();
  const imports = [moduleOf(Shared), moduleOf(Shared)];
  const boot = ClockApp.start(appName, { roles: ['web'], imports }).then((app) => app.stop());
  await expect(boot.finally(() => dropWorld(appName))).rejects.toThrow('exports: [Shared]');
});

const seen: string[] = [];
const gate = deferred();

@Injectable()
class Legacy {
  @Cron('* * * * * *', { name: 'legacy.cron' })
  each(): void {
    seen.push('cron');
  }

  @Interval('legacy.interval', 300)
  often(): void {
    seen.push('interval');
  }

  @Timeout(100)
  once(): void {
    seen.push('timeout');
  }

  @Interval('legacy.slow', 1_000)
  async slow(): Promise<void> {
    seen.push('slow began');
    await gate.promise;
    seen.push('slow ended');
  }
}

const counted: string[] = [];

@Injectable()
class Counted {
  @Cron('* * * * * *')
  each(): void {
    counted.push(new Date().toISOString().slice(0, 19));
  }
}

// Proven: when NestSchedule.start() leaves the timers that were there, each second comes twice.
it('a method runs once each time, also when a drain ends in the middle of the boot', async () => {
  const appName = uniqueAppName();
  const app = await ClockApp.start(appName, { roles: ['web'], imports: [moduleOf(Counted)] });
  await app.clock.quiet();
  const starting = app.clock.start();
  await app.clock.resume();
  await starting;
  await waitFor('three seconds', () => new Set(counted).size >= 3);
  expect(new Set(counted).size).toBe(counted.length);
  await app.clock.quiet();
  await app.clock.flush();
  await app.stop();
  await dropWorld(appName);
});

describe('methods of @nestjs/schedule', () => {
  const appName = uniqueAppName();
  afterAll(() => dropWorld(appName));

  // Proven: without forget() in the explorer the web's timers run as well; without `allowed` in NestSchedule.wake() a pause
  // changes nothing.
  it('run in the leading clock only, are listed, can be paused, and are awaited', async () => {
    // The app imports ScheduleModule itself, as existing apps do: left alone, its timers would run in both processes.
    const imports = [ScheduleModule.forRoot(), moduleOf(Legacy)];
    const web = await ClockApp.start(appName, { roles: ['web'], imports });
    const clock = await ClockApp.start(appName, { imports });
    await waitFor('all four', () => new Set(seen).size >= 4);
    expect(seen.filter((each) => each === 'timeout')).toEqual(['timeout']);
    expect(await web.schedules.list()).toMatchObject([
      { name: 'Legacy.once', kind: 'method', job: 'Legacy.once' },
      {
        name: 'legacy.cron',
        kind: 'method',
        job: 'Legacy.each',
        cron: '* * * * * *',
        source: 'code',
        enabled: true,
        nextAt: expect.any(String) as string,
      },
      { name: 'legacy.interval', kind: 'method', every: 300 },
      { name: 'legacy.slow', kind: 'method', every: 1_000 },
    ]);
    await expect(web.schedules.run('legacy.cron')).rejects.toMatchObject({ code: 'invalid' });

    await web.schedules.pause('legacy.interval');
    const paused = seen.length;
    await waitFor('a second without the interval', () => {
      const last = seen.lastIndexOf('cron');
      const before = seen.lastIndexOf('cron', last - 1);
      return before > paused && !seen.slice(before, last).includes('interval');
    });

    // It ran until it was paused, and only what fell into the pause was skipped.
    const [row] = await query<{ at: Date }>(
      `select date_trunc('milliseconds', disabled_at) as at from "${appName}".schedule where name = 'legacy.interval'`,
    );
    await web.schedules.resume('legacy.interval');
    const [skipped] = (await web.schedules.ticks('legacy.interval')).items;
    expect(skipped).toMatchObject({ outcome: 'skipped', reason: 'disabled' });
    expect(Date.parse(skipped?.dueAt ?? '')).toBeGreaterThan(row?.at.getTime() ?? Infinity);

    const stopping = clock.stop();
    await waitFor('the clock to be quiet', () => clock.lifecycle.drain.state === 'quiet');
    expect(clock.lifecycle.drain.busy().map((busy) => busy.job)).toContain('Legacy.slow');
    gate.resolve();
    await stopping;
    expect(seen.filter((each) => each === 'slow began').length).toBe(
      seen.filter((each) => each === 'slow ended').length,
    );
    await web.stop();
  });
});
