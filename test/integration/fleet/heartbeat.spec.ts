import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openMember, type Member } from '../../support/fleet.js';
import { killLeftovers, startProgram, type RunningProcess } from '../../support/processes.js';
import { Proxy } from '../../support/proxy.js';
import { dropWorld, redisUrl, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const worlds: string[] = [];
const members: Member[] = [];

async function world(): Promise<string> {
  const appName = uniqueAppName();
  worlds.push(appName);
  return appName;
}

async function member(appName: string, env: Record<string, string> = {}): Promise<Member> {
  const opened = await openMember(appName, env);
  members.push(opened);
  return opened;
}

afterAll(async () => {
  await killLeftovers();
  await Promise.all(members.map((each) => each.close()));
  await Promise.all(worlds.map((each) => dropWorld(each)));
});

describe('Heartbeat', { timeout: 60_000 }, () => {
  it('shows a process on the roll once it has joined, with what it says of itself, and not any more once it left', async () => {
    const { join, self, heartbeat, roll, settings } = await member(await world());
    heartbeat.set({ queues: ['high'], concurrency: { high: 3 }, jobs: ['a.job'], unrecorded: 2, fetches: 7 });
    await join();
    const record = await waitFor('it to be on the roll', async () => (await roll.fresh())[0]);
    expect(record).toMatchObject({
      id: self.id,
      roles: ['worker'],
      release: settings.release,
      state: 'running',
      queues: ['high'],
      concurrency: { high: 3 },
      unrecorded: 2,
      fetches: 7,
      running: [],
    });
    expect(Date.parse(record.heartbeatAt)).toBeGreaterThan(Date.now() - 30_000);
    expect(await roll.workersOf('high')).toBe(1);
    expect(await roll.knows('a.job')).toBe(true);

    heartbeat.set({ state: 'draining' });
    await waitFor('the change to be heard', async () => (await roll.fresh())[0]?.state === 'draining');
    await heartbeat.stop();
    expect(await roll.fresh()).toEqual([]);
    expect((await roll.roll()).silent.map(({ id }) => id)).toEqual([self.id]); // its row has not left
  });

  it('declares nobody dead when the roll is wiped', async () => {
    const appName = await world();
    const [one, two] = [await member(appName), await member(appName)];
    let ended = 0;
    for (const { heartbeat } of [one, two])
      heartbeat.onBlackout((began) => {
        if (!began) ended++;
      });
    await Promise.all([one.join(), two.join()]);
    await waitFor('both to have heard that the blackout of a new fleet is over', () => ended === 2, {
      deadlineMs: 30_000,
    });
    expect(await one.roll.alive()).toEqual(new Set([one.self.id, two.self.id]));
    await one.redis.command.del(one.redis.keys.beats);
    // Proven: without `newest` in ROLL everybody is dead until one of them has beaten, and without `blackout` the other one then.
    expect(await one.roll.alive()).toBeNull();
    // Proven: without `#newest == 0` in BEAT there is no blackout, and both find themselves missing: presumed dead.
    await waitFor('the blackout', () =>
      [one, two].some(({ events }) => events.some(({ name }) => name === 'fleet.blackout')),
    );
    expect(await one.roll.alive()).toBeNull();
    await waitFor('both on the roll again', async () => (await one.roll.fresh()).length === 2);
    await waitFor('that to prove something', async () => (await one.roll.alive())?.size === 2);
    expect([...one.dead, ...two.dead]).toEqual([]);
    expect(one.presumedDead + two.presumedDead).toBe(0);
  });

  // Proven: without `isGone` in pulse.ts it beats in Redis again, under the identity that others have rescued.
  it('asks the ledger before it beats in Redis again: others may have rescued it meanwhile', async () => {
    const proxy = await Proxy.to(redisUrl());
    try {
      const cutOff = await member(await world(), { REDIS_URL: proxy.url });
      await cutOff.join();
      await waitFor('it to be on the roll', async () => (await cutOff.roll.fresh()).length === 1);
      proxy.refuse();
      const beatAt = async (): Promise<number> => {
        const [row] = await cutOff.postgres.query<{ at: Date | null }>(
          { text: 'SELECT beat_at AS at FROM shiftwork.process WHERE id = $1' },
          [cutOff.self.id],
        );
        return row?.at?.getTime() ?? 0;
      };
      const first = await waitFor('a beat in the ledger', beatAt);
      await waitFor('another', async () => (await beatAt()) > first);
      proxy.resume();
      await cutOff.postgres.query({ text: 'UPDATE shiftwork.process SET gone_at = now() WHERE id = $1' }, [
        cutOff.self.id,
      ]);
      await waitFor('it to notice', () => cutOff.presumedDead === 1);
    } finally {
      await proxy.close();
    }
  });

  it('renews the locks of its own entries and of nobody else, and tells of a queue without its marker', async () => {
    const { join, self, heartbeat, redis } = await member(await world());
    const wiped: string[] = [];
    heartbeat.onMarkerMissing((queues) => wiped.push(...queues));
    heartbeat.set({ queues: ['default'] });
    const key = (rest: string): string => redis.keys.queueKey('default', rest);
    await redis.command.rpush(key('active'), 'ours', 'theirs');
    await redis.command.set(key('ours:lock'), `${self.id}:1`, 'PX', 28_000);
    await redis.command.set(key('theirs:lock'), 'another:1', 'PX', 28_000);
    await join();
    await waitFor('the missing marker to be told', () => wiped.includes('default'));
    await waitFor(
      'the lock to be renewed',
      async () => (await redis.command.pttl(key('ours:lock'))) > 28_000,
      { deadlineMs: 30_000 },
    );
    expect(await redis.command.pttl(key('theirs:lock'))).toBeLessThanOrEqual(28_000);
  });
});

// One observer and three processes to whom something happens; what takes long is waited for side by side.
describe.concurrent('A process seen by another', { timeout: 90_000 }, () => {
  let observer: Member;
  let blocked: Child;
  let frozen: Child;
  let killed: Child;

  beforeAll(async () => {
    const appName = await world();
    observer = await member(appName);
    await observer.join();
    [blocked, frozen, killed] = await Promise.all([
      child(appName, { BLOCK_MS: '90000', BLOCKED_LIMIT: '14' }),
      child(appName),
      child(appName),
    ]);
    await waitFor('everybody on the roll', async () => (await observer.roll.fresh()).length === 4, {
      deadlineMs: 30_000,
    });
    const { command, keys } = observer.redis;
    await waitFor(
      'the blackout of a new fleet to be over',
      async () => (await command.exists(keys.blackout)) === 0,
      { deadlineMs: 30_000 },
    );
  }, 120_000);

  it('is overdue once it was killed', async () => {
    await killed.process.kill();
    await waitFor('its death to be told', () => observer.dead.has(killed.id), { deadlineMs: 60_000 });
    expect((await observer.roll.fresh()).some(({ id }) => id === killed.id)).toBe(false);
  });

  it('is alive while a job blocks its main loop, is late, and ends itself beyond BLOCKED_LIMIT, naming the task', async () => {
    blocked.process.signal('SIGUSR2');
    const late = await waitFor(
      'the lag on the roll',
      async () =>
        (await observer.roll.fresh()).find(({ id, loopLag }) => id === blocked.id && loopLag > 8_000),
      { deadlineMs: 60_000 },
    );
    expect(late.running).toMatchObject([{ task: 't1' }]);
    // A beat from the main thread would be overdue 6 s after the block began.
    expect(observer.dead.has(blocked.id)).toBe(false);
    // Proven: without the thread's `wake` a task waited for the blocked loop, whose read had been given the token, beside an idle worker.
    const { command, keys } = observer.redis;
    expect(await command.llen(keys.queueKey('default', 'shiftwork-wake'))).toBe(1);
    expect(await blocked.process.waitForExit(60_000)).toEqual({ code: null, signal: 'SIGKILL' });
    const notices = blocked.process.lines.filter(({ event }) => event === 'process.loopBlocked');
    expect(notices).toMatchObject([
      { process: blocked.id, tasks: [{ task: 't1', job: 'a.job' }] },
      { process: blocked.id, tasks: [{ task: 't1', job: 'a.job' }] },
    ]);
  });

  it('notices after a freeze that others presumed it dead, and goes on under a new identity', async () => {
    frozen.process.signal('SIGSTOP');
    await waitFor('its death to be told', () => observer.dead.has(frozen.id), { deadlineMs: 60_000 });
    frozen.process.signal('SIGCONT');
    const { newProcess } = await frozen.process.waitForEvent('process.presumedDead', {
      oldProcess: frozen.id,
    });
    await waitFor('the new identity on the roll', async () =>
      (await observer.roll.fresh()).some(({ id }) => id === newProcess),
    );
    // Proven: if the thread goes on beating under the old id instead of holding its breath, that id is on the roll again.
    expect((await observer.roll.fresh()).some(({ id }) => id === frozen.id)).toBe(false);
    expect(await observer.roll.saidLeft(frozen.id)).toBe(true);
  });
});

interface Child {
  readonly process: RunningProcess;
  readonly id: string;
}

async function child(appName: string, env: Record<string, string> = {}): Promise<Child> {
  const process = startProgram('test/support/fleet-member.js', [], { appName, env });
  const { process: id } = await process.waitForEvent('joined', {}, 90_000);
  return { process, id: String(id) };
}
