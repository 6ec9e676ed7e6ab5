import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { DevRun } from '../../../src/dev/dev-run.js';
import { waitFor as waitUntil } from '../../support/wait.js';

/** Two compilers and three processes on a busy machine take their time. */
const waitFor = async (describe: string, condition: () => boolean): Promise<true> =>
  waitUntil(describe, condition, { deadlineMs: 45_000 });

const clean: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of clean.splice(0)) await cleanUp();
});

const ROLE = `
import { greeting } from './greeting.js';
declare const process: { argv: string[]; on(signal: string, then: () => void): void; exit(code: number): void };
declare const setInterval: (then: () => void, ms: number) => void;
declare const console: { log(line: string): void };
setInterval(() => undefined, 1_000);
process.on('SIGTERM', () => { console.log('goodbye'); process.exit(0); });
console.log(greeting);
`;
const MIGRATE = `declare const console: { log(line: string): void };\nconsole.log('migrated');\nexport {};\n`;
const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023'],
    skipLibCheck: true,
    rootDir: 'src',
    outDir: 'dist',
    types: [],
    strict: true,
  },
  include: ['src'],
};

/** A checkout in small: two programs, one module, one file that is no TypeScript; compiled once, as `npm run dev` does. */
async function setup(): Promise<{
  root: string;
  lines: string[];
  run: DevRun;
  greet: (text: string) => void;
}> {
  const root = mkdtempSync(join(tmpdir(), 'shiftwork-run-'));
  mkdirSync(join(root, 'src/public'), { recursive: true });
  mkdirSync(join(root, 'dist'));
  const greet = (text: string): void => writeFileSync(join(root, 'src/greeting.ts'), text);
  const files = {
    'package.json': '{"type":"module"}',
    'tsconfig.json': JSON.stringify(TSCONFIG),
    'src/main.ts': ROLE,
    'src/cli.ts': MIGRATE,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  greet(`export const greeting = 'hello';\n`);
  writeFileSync(join(root, 'src/public/page.html'), 'one');
  const tsc = join(import.meta.dirname, '../../../node_modules/typescript/lib/tsc.js');
  expect(spawnSync(process.execPath, [tsc], { cwd: root, encoding: 'utf8' }).stdout).toBe('');

  const lines: string[] = [];
  const run = new DevRun({ root, env: process.env, print: (name, line) => lines.push(`${name}: ${line}`) });
  clean.push(async () => {
    run.kill();
    await run.stop();
    rmSync(root, { recursive: true, force: true });
  });
  await run.start();
  await waitFor('the first compile', () => lines.some((line) => line.includes('Found 0 errors')));
  return { root, lines, run, greet };
}

function count(lines: string[], line: string): number {
  return lines.filter((it) => it === line).length;
}

describe('npm run dev', { timeout: 120_000 }, () => {
  it('migrates, starts one process of each role, and does not restart them for a compile that changed nothing', async () => {
    const { lines } = await setup();
    for (const role of ['web', 'clock', 'worker'])
      await waitFor(`${role} to be up`, () => lines.includes(`${role}: hello`));
    expect(lines[0]).toBe('migrate: migrated');
    expect(lines).not.toContain('dev: Compiled: restarting the roles');
  });

  it('restarts the roles when a change compiled, and migrates before', async () => {
    const { lines, greet } = await setup();
    await waitFor('the web to be up', () => lines.includes('web: hello'));

    greet(`export const greeting = 'good morning';\n`);

    for (const role of ['web', 'clock', 'worker'])
      await waitFor(`${role} to be new`, () => lines.includes(`${role}: good morning`));
    expect(count(lines, 'migrate: migrated')).toBe(2);
    expect(count(lines, 'web: goodbye')).toBe(1);
  });

  it('leaves the roles alone while a change does not compile', async () => {
    const { lines, greet } = await setup();
    await waitFor('the web to be up', () => lines.includes('web: hello'));

    greet(`export const greeting: number = 'good morning';\n`);

    await waitFor('the error', () => lines.some((line) => line.includes('TS2322')));
    await waitFor('the end of the compile', () => lines.some((line) => /Found [1-9]\d* error/.test(line)));
    expect(lines).not.toContain('dev: Compiled: restarting the roles');
  });

  it('copies a file that is no TypeScript when it changes', async () => {
    const { root } = await setup();
    const copy = join(root, 'dist/public/page.html');
    writeFileSync(join(root, 'src/public/page.html'), 'two');
    await waitFor('the copy', () => existsSync(copy) && readFileSync(copy, 'utf8') === 'two');
  });

  it('stops the web first and the worker last', async () => {
    const { lines, run } = await setup();
    for (const role of ['web', 'clock', 'worker'])
      await waitFor(`${role} to be up`, () => lines.includes(`${role}: hello`));

    await run.stop();

    expect(lines.filter((line) => line.endsWith('goodbye'))).toEqual([
      'web: goodbye',
      'clock: goodbye',
      'worker: goodbye',
    ]);
  });
});
