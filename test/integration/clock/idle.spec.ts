import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScheduleBook } from '../../../src/clock/schedule-book.js';
import { Postgres } from '../../../src/postgres/index.js';
import { ClockApp, ticksOf } from '../../support/clock.js';
import { dropWorld, query, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const SCHEDULES = 10_000;

describe('a clock with ten thousand schedules', { timeout: 150_000 }, () => {
  const appName = uniqueAppName();
  let clock: ClockApp;

  beforeAll(async () => {
    const web = await ClockApp.start(appName, { roles: ['web'] });
    await web.schedules.put('sibling.1', {
      job: 'clock.note',
      payload: { text: 'sibling' },
      cron: '30 4 1 1 *',
      timeZone: 'Europe/Berlin',
    });
    await query(`insert into "${appName}".schedule (name, job, payload, cron, time_zone, misfire, misfire_limit, misfire_grace_ms, overlap, enabled, source)
      select 'sibling.' || n, job, payload, (n % 60) || ' ' || (n % 24) || ' 1 1 *', time_zone, misfire, misfire_limit, misfire_grace_ms, overlap, enabled, source
        from "${appName}".schedule, generate_series(2, ${String(SCHEDULES)}) n`);
    await web.stop();
    const before = heapMb();
    clock = await ClockApp.start(appName);
    await waitFor('the clock to lead', () => clock.eventsNamed('clock.started')[0], { deadlineMs: 90_000 });
    report(
      `${String(SCHEDULES)} schedules: ${(heapMb() - before).toFixed(0)} MB of heap, with the app around them`,
    );
  }, 150_000);
  afterAll(async () => {
    await clock.stop();
    await dropWorld(appName);
  });

  it('knows them all, and asks nobody anything between two ticks', async () => {
    expect(clock.eventsNamed('clock.started')[0]?.fields).toMatchObject({ schedules: SCHEDULES });
    const statements = listenTo(clock.get(Postgres));
    const [start] = await query<{ at: Date }>('select clock_timestamp() as at');
    await waitFor(
      'six seconds by the database',
      async () => {
        const [now] = await query<{ passed: boolean }>(
          `select clock_timestamp() > $1::timestamptz + interval '6 seconds' as passed`,
          [start?.at],
        );
        return now?.passed;
      },
      { everyMs: 250 },
    );
    expect(statements.filter((text) => text.includes('schedule'))).toEqual([]);

    // The ear is a good one: it hears the next tick.
    await clock.schedules.put('due', { job: 'clock.note', payload: { text: 'due' }, cron: '* * * * * *' });
    await waitFor('its ticks', async () => (await ticksOf(appName, 'due')).length >= 2);
    expect(statements.some((text) => text.includes('schedule_tick'))).toBe(true);
    expect(await query(`select distinct schedule from "${appName}".schedule_tick`)).toEqual([
      { schedule: 'due' },
    ]);
    await clock.schedules.delete('due');
  });

  it('fires all of them when all are due at once', async () => {
    await query(
      `update "${appName}".schedule set cron = null, at = now() + interval '2 seconds', version = nextval('"${appName}".schedule_version')`,
    );
    clock.get(ScheduleBook).noteChange(null);
    await clock.schedules.put('nudge', { job: 'clock.note', payload: { text: 'nudge' }, cron: '0 0 1 1 *' });
    const fired = async (): Promise<number> =>
      (
        await query<{ n: number }>(
          `select count(*)::int as n from "${appName}".schedule_tick where outcome = 'fired'`,
        )
      )[0]?.n ?? 0;
    await waitFor('ten thousand ticks', async () => (await fired()) === SCHEDULES, {
      deadlineMs: 120_000,
      everyMs: 200,
    });
    const [found] = await query<{ tasks: number; late: number }>(
      `select count(distinct task_id)::int as tasks, max(late_by_ms)::int as late from "${appName}".schedule_tick`,
    );
    expect(found?.tasks).toBe(SCHEDULES);
    report(`${String(SCHEDULES)} schedules due at one moment: the last fired ${String(found?.late)} ms late`);
  });
});

/** Hears every statement that goes through this door. */
function listenTo(postgres: Postgres): string[] {
  const statements: string[] = [];
  const { query: asked, queryIn } = postgres;
  postgres.query = async (statement, values) => {
    statements.push(statement.text);
    return asked.call(postgres, statement, values) as never;
  };
  postgres.queryIn = async (manager, text, values) => {
    statements.push(text);
    return queryIn.call(postgres, manager, text, values) as never;
  };
  return statements;
}

/** What is in use, after a collection. */
function heapMb(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1_048_576;
}

function report(line: string): void {
  process.stderr.write(`  ${line}\n`);
}
