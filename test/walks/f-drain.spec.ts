import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/control/index.js';
import { type RunningProcess, startCli } from '../support/processes.js';
import { waitFor } from '../support/wait.js';
import { World } from '../support/world.js';

const world = new World({ QUEUES: 'default:4' });
const started = new Set<RunningProcess>();

beforeAll(async () => {
  await world.web();
});
afterEach(async () => {
  await Promise.all([...started].map((process) => process.kill()));
  started.clear();
  await world.request('POST', '/control/resume');
});
afterAll(async () => {
  await world.end();
});

async function role(name: string, env: Record<string, string> = {}): Promise<RunningProcess> {
  const process = await world.role(name, env);
  started.add(process);
  return process;
}

/** The command line as a one-off process: it has the two URLs, and the release of the image it runs in. */
function cli(...args: string[]): RunningProcess {
  return startCli(args, { appName: world.appName, env: { RELEASE: 'r1', LOG_LEVEL: 'info' } });
}

async function verdictOf(drain: RunningProcess): Promise<Verdict> {
  const { text } = await drain.waitForLine('a verdict', (line) => 'safe' in line);
  return JSON.parse(text) as Verdict;
}

/** Its own state, as it tells the others. */
async function isInState(process: RunningProcess, state: string): Promise<void> {
  await waitFor(
    `process ${String(process.pid)} to be ${state}`,
    async () => {
      const { body } = await world.request<{ items: { pid: number; state: string }[] }>('GET', '/processes');
      return body.items.some((each) => each.pid === process.pid && each.state === state);
    },
    { deadlineMs: 60_000 },
  );
}

describe('walk f: a drain before a deploy', { timeout: 240_000 }, () => {
  it('exits as the verdict says although nobody reads it, nor what was said on the way', async () => {
    const worker = await role('worker');
    const running = await world.enqueue('test.sleep', { ms: 60_000 });
    await world.inStatus(running.id, 'STARTED');
    const unsafe = cli('drain', '--timeout', '3');
    unsafe.child.stdout?.destroy();
    expect(await unsafe.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    await world.request('POST', `/tasks/${running.id}/cancel`);
    await world.ended(running.id);
    const safe = cli('drain', '--timeout', '60', '--json');
    safe.child.stderr?.destroy();
    expect(await verdictOf(safe)).toMatchObject({ safe: true });
    expect(await safe.waitForExit()).toEqual({ code: 0, signal: null });
    await isInState(worker, 'draining');
  });

  it('ends with 130 at Ctrl-C although the reader of its pipe got the Ctrl-C, too', async () => {
    await role('worker');
    const running = await world.enqueue('test.sleep', { ms: 60_000 });
    await world.inStatus(running.id, 'STARTED');
    const drain = cli('drain', '--timeout', '90');
    await drain.waitForLine('what it waits for', (line) => line.text.includes('still running'));
    drain.child.stdout?.destroy();
    drain.signal('SIGINT');
    expect(await drain.waitForExit()).toEqual({ code: 130, signal: null });
  });

  it('waits for the running job and says "safe"; nothing starts until the new release, or a resume', async () => {
    const worker = await role('worker');
    const clock = await role('clock');
    const running = await world.hold();
    await world.inStatus(running.id, 'STARTED');

    const drain = cli('drain', '--json', '--timeout', '90');
    await isInState(worker, 'draining');
    const waiting = await world.enqueue('test.noop'); // the web goes on answering
    const late = await role('worker'); // booted during the drain
    await world.release(running);
    const verdict = await verdictOf(drain);
    expect(await drain.waitForExit()).toEqual({ code: 0, signal: null });
    expect(verdict).toMatchObject({ safe: true, release: 'r1', busy: [], silent: [], reason: null });
    expect(verdict.drained.length).toBeGreaterThanOrEqual(2);
    expect(Date.parse(verdict.heldUntil ?? '') - Date.now()).toBeGreaterThan(10 * 60_000);
    expect((await world.task(running.id)).status).toBe('FINISHED');

    for (const process of [worker, clock, late]) await isInState(process, 'draining');
    expect((await world.task(waiting.id)).status).toBe('QUEUED');
    const next = await role('worker', { RELEASE: 'r2' }); // what a push brings
    const ended = await world.ended(waiting.id);
    expect(ended.status).toBe('FINISHED');
    // Nothing of the old release has taken part: its first execution was the new worker's.
    const idOf = (process: RunningProcess): unknown =>
      process.lines.find(({ event }) => event === 'process.started')?.['process'];
    expect(ended).toMatchObject({ execution: 1, worker: idOf(next) });

    const resume = cli('resume', '--json');
    const { resumed } = JSON.parse(
      (await resume.waitForLine('who resumed', (line) => 'resumed' in line)).text,
    ) as { resumed: string[] };
    expect(resumed).toEqual(expect.arrayContaining([...verdict.drained]) as string[]);
    for (const process of [worker, clock, late]) await isInState(process, 'running');
  });

  it('exits 1 when the time is up, names task, job, process and age, and the fleet goes on', async () => {
    const worker = await role('worker');
    const running = await world.enqueue('test.sleep', { ms: 60_000 });
    await world.inStatus(running.id, 'STARTED');
    const drain = cli('drain', '--timeout', '3');
    expect(await drain.waitForExit(60_000)).toEqual({ code: 1, signal: null });
    const line = drain.lines.find(({ text }) => text.includes(running.id))?.text ?? '';
    expect(line).toMatch(/test\.sleep +default +\d+ (s|min)/);
    const { worker: id } = await world.task(running.id);
    expect(line).toContain(id);
    await isInState(worker, 'running');
    const next = await world.enqueue('test.noop');
    expect((await world.ended(next.id)).status).toBe('FINISHED');
  });

  // Proven: when the boot asks only whether the process drains, its worker works neither now nor after the drain.
  it('that asks the clocks alone lets a worker work that boots beside one', async () => {
    const drained = await world.request<Verdict>('POST', '/control/drain', { roles: ['clock'] });
    expect(drained).toMatchObject({ status: 200, body: { safe: true } });
    await isInState(await role('worker,clock'), 'draining');
    const task = await world.enqueue('test.noop');
    expect(await world.ended(task.id, 20_000)).toMatchObject({ status: 'FINISHED' });
  });

  it('takes the drain back at Ctrl-C, exits 130, and nobody hears of a lapse', async () => {
    const worker = await role('worker');
    const running = await world.enqueue('test.sleep', { ms: 60_000 });
    await world.inStatus(running.id, 'STARTED');
    const drain = cli('drain');
    await isInState(worker, 'draining');
    drain.signal('SIGINT');
    expect(await drain.waitForExit()).toEqual({ code: 130, signal: null });
    await isInState(worker, 'running');
    expect(worker.lines.some((line) => line.event === 'drain.lapsed')).toBe(false);
  });

  it('ends by itself within the lease when the deploy script is killed, and says so', async () => {
    const worker = await role('worker');
    const running = await world.enqueue('test.sleep', { ms: 60_000 });
    await world.inStatus(running.id, 'STARTED');
    const drain = cli('drain');
    await isInState(worker, 'draining');
    await drain.kill();
    await worker.waitForEvent('drain.lapsed', { kind: 'lease', release: 'r1' });
    await isInState(worker, 'running');
  });
});
