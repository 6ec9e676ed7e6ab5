import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClockApp } from '../../support/clock.js';
import { type DedicatedServer, dedicatedPostgres, query, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

describe('a clock whose PostgreSQL is killed', { timeout: 120_000 }, () => {
  const appName = uniqueAppName();
  let postgres: DedicatedServer;
  let clock: ClockApp;
  beforeAll(async () => {
    postgres = await dedicatedPostgres();
    clock = await ClockApp.start(appName, { env: { DATABASE_URL: postgres.url } });
  }, 120_000);
  afterAll(async () => {
    await clock.stop();
    await postgres.dispose();
  }, 60_000);

  it('loses no due moment and repeats none', async () => {
    await clock.schedules.put('beat', {
      job: 'clock.note',
      payload: { text: 'beat' },
      cron: '* * * * * *',
      misfire: 'all',
    });
    const ticks = async (): Promise<{ ticks: number; seconds: number; tasks: number; fired: number }[]> =>
      query(
        `select count(*)::int as ticks, count(*) filter (where outcome = 'fired')::int as fired,
                extract(epoch from max(due_at) - min(due_at))::int + 1 as seconds,
                (select count(*)::int from "${appName}".task) as tasks
           from "${appName}".schedule_tick`,
        [],
        postgres.url,
      );
    await waitFor('a tick', async () => ((await ticks())[0]?.ticks ?? 0) >= 1, { deadlineMs: 40_000 });
    await postgres.kill('SIGKILL');
    await postgres.restart();
    const [before] = await ticks();
    await waitFor(
      'three ticks more',
      async () => ((await ticks())[0]?.ticks ?? 0) >= (before?.ticks ?? 0) + 3,
      {
        deadlineMs: 60_000,
      },
    );
    const [after] = await ticks();
    expect(after).toMatchObject({ seconds: after?.ticks, tasks: after?.ticks, fired: after?.ticks });
  });
});
