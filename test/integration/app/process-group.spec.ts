import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFolder } from '../../support/folders.js';
import { isAlive, killLeftovers, type LogLine, type RunningProcess } from '../../support/processes.js';
import { waitFor } from '../../support/wait.js';
import { World, type Task } from '../../support/world.js';

const run = promisify(execFile);

let world: World;
afterEach(async () => {
  await killLeftovers();
  await world.end();
});

/** The pids of the children that have come up so far, in that order. */
function pids(parent: RunningProcess, role: string): number[] {
  const event = role === 'web' ? 'process.listening' : 'process.started';
  return parent.lines
    .filter((line) => line.event === event && line.role === role)
    .map((line) => Number(line['pid']));
}

async function comeUp(parent: RunningProcess, role: string, count: number): Promise<number[]> {
  return waitFor(`${String(count)} times ${role}`, () => {
    const found = pids(parent, role);
    return found.length >= count ? found : undefined;
  });
}

async function childrenOf(pid: number): Promise<string[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'ppid=,pid=']);
  return stdout.split('\n').filter((line) => line.trim().startsWith(`${String(pid)} `));
}

describe('webs on one port and a worker beside them, one process group', () => {
  it('serve, replace who dies, and all go with the parent', async () => {
    world = new World({ WEB_CONCURRENCY: '2', EMBED_WORKER: '1' });
    const parent = await world.web();
    const [webs, [worker = 0]] = await Promise.all([comeUp(parent, 'web', 2), comeUp(parent, 'worker', 1)]);
    expect(new Set([parent.pid, ...webs, worker]).size).toBe(4);
    const task = await world.enqueue('test.noop');
    expect(await world.ended(task.id)).toMatchObject({ status: 'FINISHED' });

    process.kill(webs[0] ?? 0, 'SIGKILL');
    process.kill(worker, 'SIGKILL');
    await Promise.all([comeUp(parent, 'web', 3), comeUp(parent, 'worker', 2)]);
    const next = await world.enqueue('test.noop');
    expect(await world.ended(next.id)).toMatchObject({ status: 'FINISHED' });

    parent.signal('SIGTERM');
    expect(await parent.waitForExit()).toEqual({ code: 0, signal: null });
    expect([...pids(parent, 'web'), ...pids(parent, 'worker')].filter(isAlive)).toEqual([]);
  });

  // Proven: without a listener for `error` the parent dies of the first, without the `catch` of the second.
  it('outlive children that cannot be started, and are complete again when they can', async () => {
    world = new World({ EMBED_WORKER: '1' });
    const bin = path.join(openFolder('moved-node'), 'bin');
    const install = (): void => {
      mkdirSync(bin);
      symlinkSync(process.execPath, path.join(bin, 'node'));
    };
    install();
    const parent = await world.web({
      NODE_OPTIONS: '--require ./test/support/moved-node.cjs',
      NODE_AT: path.join(bin, 'node'),
    });
    const [[web = 0], [worker = 0]] = await Promise.all([
      comeUp(parent, 'web', 1),
      comeUp(parent, 'worker', 1),
    ]);
    const failed = async (times: number, code: string): Promise<void> => {
      const tells = ({ event, error }: LogLine): boolean =>
        event === 'process.childFailed' && String(error).includes(code);
      await parent.waitForLine(
        `${String(times)} times ${code}`,
        () => parent.lines.filter(tells).length >= times,
      );
    };
    rmSync(bin, { recursive: true }); // Node lets the child say so
    process.kill(web, 'SIGKILL');
    process.kill(worker, 'SIGKILL');
    await failed(2, 'ENOENT');
    writeFileSync(bin, ''); // and this it throws
    await failed(2, 'ENOTDIR');
    rmSync(bin);
    install();
    await Promise.all([comeUp(parent, 'web', 2), comeUp(parent, 'worker', 2)]);
    parent.signal('SIGTERM');
    expect(await parent.waitForExit()).toEqual({ code: 0, signal: null });
  });

  describe('at a Ctrl-C, which a terminal sends to each of them,', () => {
    let parent: RunningProcess;
    let held: Task;
    let ctrlC: () => void;
    beforeEach(async () => {
      world = new World({ EMBED_WORKER: '1', SHUTDOWN_GRACE: '60' });
      parent = await world.web();
      const [webs, workers] = await Promise.all([comeUp(parent, 'web', 1), comeUp(parent, 'worker', 1)]);
      held = await world.hold();
      await world.inStatus(held.id, 'STARTED');
      ctrlC = () => {
        for (const pid of [...webs, ...workers].filter(isAlive)) process.kill(pid, 'SIGINT');
        parent.signal('SIGINT');
      };
      ctrlC();
      await parent.waitForEvent('process.stopping', { role: 'worker' });
    });

    it('shut down in order: what runs may end', async () => {
      await world.release(held);
      expect(await parent.waitForExit()).toEqual({ code: 0, signal: null });
      expect(
        await world.rows('SELECT status, interruptions FROM app.ended WHERE id = $1', [held.id]),
      ).toEqual([{ status: 'FINISHED', interruptions: 0 }]);
    });

    it('and at a second one, end at once', async () => {
      ctrlC();
      expect(await parent.waitForExit()).toEqual({ code: 130, signal: null });
    });
  });

  it('end at once at a second SIGINT that reaches the parent alone', async () => {
    world = new World({ EMBED_WORKER: '1', SHUTDOWN_GRACE: '60' });
    const parent = await world.web();
    await comeUp(parent, 'worker', 1);
    const held = await world.hold();
    await world.inStatus(held.id, 'STARTED');
    parent.signal('SIGINT');
    await parent.waitForEvent('process.stopping', { role: 'worker' });
    parent.signal('SIGINT');
    expect(await parent.waitForExit()).toEqual({ code: 130, signal: null });
    expect([...pids(parent, 'web'), ...pids(parent, 'worker')].filter(isAlive)).toEqual([]);
  });

  it('end with exit code 0 before they have come up, too', async () => {
    world = new World({ WEB_CONCURRENCY: '2', EMBED_WORKER: '1' });
    const parent = world.start('web', { PORT: '0' });
    await waitFor('the children to be born', async () => (await childrenOf(parent.pid)).length === 3);
    parent.signal('SIGTERM');
    expect(await parent.waitForExit()).toEqual({ code: 0, signal: null });
  });

  it('end with exit code 2, and are not tried again, when no trying will help', async () => {
    world = new World({
      WEB_CONCURRENCY: '2',
      NODE_ENV: 'production', // outside of it, whoever boots first migrates
      SHIFTWORK_TOKENS: 'admin:not-a-secret',
    });
    const parent = world.start('web', { PORT: '0' });
    expect(await parent.waitForExit()).toEqual({ code: 2, signal: null });
    const failed = parent.lines.filter((line) => line.event === 'process.bootFailed');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThanOrEqual(2); // the second may have been told to go before it found out
    expect(failed[0]?.['error']).toContain('shiftwork migrate');
  });
});
