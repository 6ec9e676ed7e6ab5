import { afterEach, describe, expect, it } from 'vitest';
import { Supervisor } from '../../../src/dev/index.js';
import { waitFor } from '../../support/wait.js';

const running: Supervisor[] = [];

afterEach(async () => {
  for (const supervisor of running.splice(0)) {
    supervisor.kill();
    await supervisor.stop();
  }
});

function setup(graceMs = 10_000): {
  supervisor: Supervisor;
  lines: string[];
  add: (name: string, script: string, restart?: boolean) => void;
} {
  const lines: string[] = [];
  const supervisor = new Supervisor({ graceMs, print: (name, line) => lines.push(`${name}: ${line}`) });
  running.push(supervisor);
  const add = (name: string, script: string, restart = false): void => {
    supervisor.add({ name, command: process.execPath, args: ['-e', script], restart });
  };
  return { supervisor, lines, add };
}

const POLITE = `
  setInterval(() => undefined, 1_000);
  process.on('SIGTERM', () => { console.log('goodbye'); process.exit(0); });
  console.log('up');`;
const STUBBORN = `
  setInterval(() => undefined, 1_000);
  process.on('SIGTERM', () => console.log('no'));
  console.log(process.pid);
  console.log('up');`;

async function up(lines: string[], ...names: string[]): Promise<void> {
  await waitFor(`${names.join(', ')} to be up`, () => names.every((name) => lines.includes(`${name}: up`)));
}

describe('the supervisor', () => {
  it('stops its children one after the other in the order in which they were added', async () => {
    const { supervisor, lines, add } = setup();
    for (const name of ['web', 'clock', 'worker']) add(name, POLITE);
    await up(lines, 'web', 'clock', 'worker');

    await supervisor.stop();

    expect(lines.filter((line) => line.endsWith('goodbye'))).toEqual([
      'web: goodbye',
      'clock: goodbye',
      'worker: goodbye',
    ]);
  });

  it('kills a child that is still there at the end of the grace', async () => {
    const { supervisor, lines, add } = setup(300);
    add('web', STUBBORN);
    await up(lines, 'web');

    await Promise.all([supervisor.stop(), supervisor.stop()]); // twice is once

    await waitFor('the refusal to be printed', () => lines.includes('web: no'));
    const pid = Number(lines.find((line) => /^web: \d+$/.test(line))?.slice(5));
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('starts a child again that ended by itself, after a pause that grows', async () => {
    const { lines, add } = setup();
    add('worker', `process.exit(3)`, true);
    await waitFor('two restarts', () => lines.includes('worker: starts again in 1000 ms'));
    expect(lines.slice(0, 4)).toEqual([
      'worker: ended: exit code 3',
      'worker: starts again in 500 ms',
      'worker: ended: exit code 3',
      'worker: starts again in 1000 ms',
    ]);
  });

  it('starts nothing again once it is stopping', async () => {
    const { supervisor, lines, add } = setup();
    add('worker', `process.exit(3)`, true);
    await waitFor('the first end', () => lines.includes('worker: starts again in 500 ms'));
    await supervisor.stop();
    const { lines: later, add: addLater } = setup();
    addLater('other', POLITE);
    await up(later, 'other');
    expect(lines.filter((line) => line.includes('ended'))).toHaveLength(1);
  });

  it('restarts the named children only, with something done while none of them runs', async () => {
    const { supervisor, lines, add } = setup();
    for (const name of ['web', 'tsc']) add(name, POLITE);
    await up(lines, 'web', 'tsc');

    await supervisor.restart(['web'], async () => {
      lines.push('between');
    });

    await waitFor('web to be up again', () => lines.filter((line) => line === 'web: up').length === 2);
    expect(lines.indexOf('between')).toBeGreaterThan(lines.indexOf('web: goodbye'));
    expect(lines).not.toContain('tsc: goodbye');
  });

  it('says why a child could not be started', async () => {
    const { supervisor, lines } = setup();
    supervisor.add({ name: 'ghost', command: '/no/such/program', args: [] });
    await waitFor('the reason', () => lines.some((line) => line.includes('ENOENT')));
  });
});
