import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { ClockFleet } from '../support/clock-fleet.js';

const open: ClockFleet[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(async (fleet) => fleet.stop()));
});

async function setup(clocks: number): Promise<ClockFleet> {
  const fleet = await ClockFleet.start(clocks);
  open.push(fleet);
  await fleet.untilBooted();
  await fleet.putBeat();
  await fleet.untilTicks(1);
  return fleet;
}

describe('the clock, for as long as it takes', () => {
  it('five clocks, sixty due moments, the leader killed every five seconds, Redis wiped in the middle', async () => {
    const fleet = await setup(5);
    let kills = 0;
    for (let second = 1; second <= 60; second++) {
      await delay(1_000); // the rhythm of the storm, not a wait for something
      if (second === 30) await wipe(fleet);
      const leader = second % 5 === 0 ? fleet.leader() : undefined;
      if (leader === undefined) continue;
      await fleet.kill(leader);
      fleet.add();
      kills++;
    }
    await fleet.untilTicks(60);
    const account = await fleet.account();
    report(`${String(kills)} leaders killed, Redis wiped once: ${JSON.stringify(account)}`);
    // Sixty due moments of one second each have sixty rows; the run goes on until the last of them is caught up.
    const due = (await fleet.ticks()).map((tick) => tick.due.getTime());
    const first = Math.min(...due);
    expect(due.filter((at) => at < first + 60_000)).toHaveLength(60);
    expect(account.outcomes).toEqual({ fired: account.ticks });
    expect(kills).toBeGreaterThanOrEqual(3);
  });

  it('two clocks, Redis stopped for twenty seconds', async () => {
    const fleet = await setup(2);
    await fleet.redis.stop();
    await delay(20_000);
    await fleet.redis.restart();
    await fleet.untilTicks(30);
    const account = await fleet.account();
    report(`Redis stopped for 20 s: ${JSON.stringify(account)}`);
    expect(account.outcomes).toEqual({ fired: account.ticks });
  });

  it('two clocks, the leader frozen for thirty seconds', async () => {
    const fleet = await setup(2);
    const frozen = await fleet.untilLed();
    frozen.signal('SIGSTOP');
    await delay(30_000);
    frozen.signal('SIGCONT');
    await fleet.untilTicks((await fleet.ticks()).length + 10);
    const account = await fleet.account();
    report(`leader frozen for 30 s: ${JSON.stringify(account)}`);
    expect(account.outcomes).toEqual({ fired: account.ticks });
  });
});

async function wipe(fleet: ClockFleet): Promise<void> {
  const redis = new Redis(fleet.redis.url);
  await redis.flushall();
  redis.disconnect();
}

function report(line: string): void {
  process.stderr.write(`  ${line}\n`);
}
