import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCli } from '../../support/processes.js';
import { waitFor } from '../../support/wait.js';
import { World } from '../../support/world.js';

let world: World;
beforeEach(() => {
  world = new World({ QUEUES: 'default:4', CRASH_LIMIT: '100', LOG_LEVEL: 'info' });
});
afterEach(async () => {
  await world.end();
});

async function untilPassed(ms: number): Promise<void> {
  const from = Date.now();
  await waitFor(`${String(ms)} ms to pass`, () => Date.now() - from >= ms, {
    deadlineMs: ms + 60_000,
    everyMs: 500,
  });
}

describe('what takes a minute or two to be seen', () => {
  it('a busy loop of 60 s starts no second execution', async () => {
    await world.web();
    const [first] = await Promise.all([world.role('worker'), world.role('worker')]);
    const task = await world.enqueue('test.block', { ms: 60_000 });
    expect(await world.ended(task.id, 120_000)).toMatchObject({
      status: 'FINISHED',
      execution: 1,
      interruptions: 0,
      crashes: 0,
    });
    expect(first.exited).toBeUndefined();
  });

  it('a worker frozen for 30 s cannot write any more, takes a new identity and goes on', async () => {
    await world.web();
    await world.createEffects();
    const [frozen] = await Promise.all([world.role('worker')]);
    const task = await world.enqueue('test.effect', { steps: 40, stepMs: 500 });
    await waitFor('a step', async () => (await world.rows('SELECT 1 FROM app.effect')).length > 0);
    await world.role('worker');
    frozen.signal('SIGSTOP');
    await untilPassed(30_000);
    frozen.signal('SIGCONT');
    const { newProcess } = await frozen.waitForEvent('process.presumedDead', {}, 60_000);
    expect(await world.ended(task.id)).toMatchObject({ status: 'FINISHED', execution: 2, interruptions: 1 });
    const steps = await world.rows<{ n: number }>(
      'SELECT count(*)::int AS n FROM app.effect GROUP BY step ORDER BY step',
    );
    expect(steps).toEqual(Array.from({ length: 40 }, () => ({ n: 1 })));
    expect(typeof newProcess).toBe('string');
  });

  it('shiftwork drain && sleep 120: nothing starts in those two minutes; then resume works', async () => {
    await world.web();
    await Promise.all([world.role('worker'), world.role('clock')]);
    await world.ended((await world.enqueue('test.noop')).id);
    const cli = (...args: string[]): Promise<unknown> =>
      startCli(args, { appName: world.appName, env: { RELEASE: 'r1' } }).waitForExit(60_000);
    expect(await cli('drain')).toEqual({ code: 0, signal: null });
    const ids = await world.bulk(
      'test.noop',
      Array.from({ length: 20 }, () => ({})),
    );
    await untilPassed(120_000);
    const waiting = await world.rows<{ status: string; execution: number }>(
      'SELECT DISTINCT status, execution FROM app.live WHERE id = ANY($1)',
      [ids],
    );
    expect(waiting).toEqual([{ status: 'QUEUED', execution: 0 }]);
    expect(await cli('resume')).toEqual({ code: 0, signal: null });
    expect(await world.allEnded()).toEqual({ FINISHED: 21 });
  });

  it('what a killed worker ran runs again, and how soon', async () => {
    await world.web();
    const took: number[] = [];
    let victim = await world.role('worker');
    let other = await world.role('worker');
    for (let round = 0; round < 6; round++) {
      const task = await world.enqueue('test.sleep', { ms: 300_000 });
      const { worker } = await world.inStatus(task.id, 'STARTED');
      const idOf = (process: typeof victim): unknown =>
        process.lines.find(({ event }) => event === 'process.started')?.['process'];
      if (idOf(victim) !== worker) [victim, other] = [other, victim];
      const killedAt = Date.now();
      await victim.kill();
      const again = await waitFor('the next execution', async () => {
        const now = await world.task(task.id);
        return now.execution === 2 && now.status === 'STARTED' && now;
      });
      took.push(Date.parse(String(again['startedAt'])) - killedAt);
      await world.request('POST', `/tasks/${task.id}/cancel`);
      victim = await world.role('worker');
    }
    process.stdout.write(`from KILL to running again, ms: ${took.sort((a, b) => a - b).join(', ')}\n`);
    expect(took).toHaveLength(6);
  });
});
