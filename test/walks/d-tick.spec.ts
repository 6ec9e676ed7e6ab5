import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClockFleet } from '../support/clock-fleet.js';
import { databaseUrl } from '../support/servers.js';
import { waitFor } from '../support/wait.js';

/**
 * Four real clocks, one schedule of a tick a second whose every tick counts, and one misfortune after another. After each,
 * every due moment has one tick and one task. The waits are those of the lease: 10 s until a leader that says nothing more is
 * replaced. The long forms are in test/storm/clock.storm.ts.
 */
describe('walk d: a tick, with clocks that are real processes', { timeout: 240_000 }, () => {
  let fleet: ClockFleet;
  beforeAll(async () => {
    fleet = await ClockFleet.start(4);
    await fleet.putBeat();
    await fleet.untilTicks(2);
  }, 240_000);
  afterAll(async () => {
    await fleet.stop();
  });

  it('is made up for when the leader is killed', async () => {
    await fleet.untilBooted();
    await fleet.kill(await fleet.untilLed());
    await fleet.untilLed();
    await fleet.untilTicks((await fleet.ticks()).length + 2);
    const { outcomes, ticks } = await fleet.account();
    expect(outcomes).toEqual({ fired: ticks });
  });

  it('is neither lost nor doubled when Redis is wiped, and with it the lease', async () => {
    const redis = new Redis(fleet.redis.url);
    await redis.flushall();
    redis.disconnect();
    await fleet.untilTicks((await fleet.ticks()).length + 3);
    await fleet.account();
  });

  it('is finished by a SIGTERM that comes while it is written, and the next clock leads', async () => {
    await fleet.untilBooted();
    const leader = await fleet.untilLed();
    // Somebody holds the row, so that the tick is under way and cannot end.
    const holder = new Client({ connectionString: databaseUrl() });
    await holder.connect();
    await holder.query('begin');
    await holder.query(`select 1 from "${fleet.appName}".schedule for update`);
    await waitFor('a tick that waits', async () => {
      const waiting = `select 1 from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'`;
      return (await holder.query(waiting, [`${fleet.appName}:clock`])).rows.length > 0;
    });
    leader.signal('SIGTERM');
    await leader.waitForEvent('process.stopping');
    await holder.query('commit');
    await holder.end();

    const next = await fleet.untilLed(leader);
    expect(await leader.waitForExit(60_000)).toEqual({ code: 0, signal: null });
    const afterSignal = leader.lines.slice(
      leader.lines.findIndex((line) => line.event === 'process.stopping'),
    );
    expect(afterSignal.filter((line) => line.event === 'schedule.fired').length).toBeGreaterThan(0);
    const stopped = afterSignal.find((line) => line.event === 'clock.stopped');
    report(
      `SIGTERM of the leading clock: the next one led ${String(fleet.startedAt(next) - Date.parse(String(stopped?.['time'])))} ms later`,
    );
    await fleet.untilTicks((await fleet.ticks()).length + 2);
    await fleet.account();
  });

  it('is not repeated by a leader that was frozen and comes back', async () => {
    const frozen = await fleet.untilLed();
    frozen.signal('SIGSTOP');
    const next = await fleet.untilLed(frozen);
    await fleet.untilTicks((await fleet.ticks()).length + 2);
    frozen.signal('SIGCONT');
    await waitFor(
      'the frozen one to notice',
      () =>
        frozen.lines.findLast((line) => line.event === 'clock.started' || line.event === 'clock.stopped')
          ?.event === 'clock.stopped',
      { deadlineMs: 60_000 },
    );
    await fleet.untilTicks((await fleet.ticks()).length + 2);
    expect(fleet.leader()).toBe(next);
    await fleet.account();
  });

  it('is made without Redis: after ten seconds every clock acts, and once it is back one leads', async () => {
    const living = fleet.clocks.filter((clock) => clock.exited === undefined);
    await fleet.redis.kill('SIGKILL');
    await Promise.all(
      living.map(async (clock) => clock.waitForEvent('clock.started', { why: 'Redis is away' }, 60_000)),
    );
    await fleet.untilTicks((await fleet.ticks()).length + 3);
    await fleet.redis.restart();
    await waitFor(
      'one of them to lead again',
      () => {
        const leading = living.filter(
          (clock) =>
            clock.lines.findLast((line) => line.event === 'fleet.leads' || line.event === 'fleet.leadsNoMore')
              ?.event === 'fleet.leads',
        );
        return (
          leading.length === 1 && fleet.leader() === leading[0] && fleet.leader(leading[0]) === undefined
        );
      },
      { deadlineMs: 60_000 },
    );
    await fleet.untilTicks((await fleet.ticks()).length + 2);
    const { ticks, tasks, caughtUp, latestMs } = await fleet.account();
    report(
      `${String(ticks)} due moments, ${String(tasks)} tasks; ${String(caughtUp)} caught up, the latest ${String(latestMs)} ms late`,
    );
  });
});

// The reporter of this suite prints tests only; what is measured here is read by people.
function report(line: string): void {
  process.stderr.write(`  ${line}\n`);
}
