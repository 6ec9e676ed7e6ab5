import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as surface from '../../src/index.js';
import { DEFAULT_BACKOFF } from '../../src/jobs/index.js';

const ROOT = join(import.meta.dirname, '../..');
const DOCS = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

describe('the examples in the docs', () => {
  const dir = join(ROOT, 'node_modules/.cache/readme');
  beforeAll(() => {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
  });
  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  it('compile against the published surface', () => {
    const files = DOCS.flatMap((doc) => examplesOf(doc)).map(({ name, code }) => {
      const file = join(dir, name);
      writeFileSync(file, code);
      return file;
    });
    expect(files.length).toBeGreaterThan(6);
    const options = { ...compilerOptions(), paths: { shiftwork: [join(ROOT, 'dist/index.d.ts')] } };
    const faults = ts.getPreEmitDiagnostics(ts.createProgram(files, options)).map((fault) => {
      const where = fault.file === undefined ? '' : `${fault.file.fileName.slice(dir.length + 1)}: `;
      return where + ts.flattenDiagnosticMessageText(fault.messageText, '\n');
    });
    expect(faults).toEqual([]);
  });
});

it('every error that is promised to callers can be imported by them', () => {
  const desks = [
    'tasks/tasks',
    'tasks/queues',
    'failures/failed-tasks',
    'clock/schedules',
    'app/shiftwork.module',
  ];
  const promised = desks.flatMap((desk) =>
    [...read(`src/${desk}.ts`).matchAll(/`(\w+Error)`/g)].map((found) => found[1] ?? ''),
  );
  expect(promised.length).toBeGreaterThan(20);
  expect(promised.filter((name) => !(name in surface))).toEqual([]);
});

describe('the README', () => {
  const readme = read('README.md');

  it('names every variable that is read from the environment', () => {
    const source = read('src/config/load-settings.ts');
    const variables = [...source.matchAll(/read\.\w+\(\s*'([A-Z][A-Z_]+)'/g)].map((found) => found[1] ?? '');
    expect(variables.length).toBeGreaterThan(20);
    const platform = ['DYNO'];
    expect(
      [...new Set(variables)].filter((name) => !platform.includes(name) && !readme.includes(`\`${name}\``)),
    ).toEqual([]);
  });

  it('links to what is there', () => {
    for (const doc of DOCS) {
      const links = [...read(doc).matchAll(/\]\(([^)#:]+)\)/g)].map((found) => found[1] ?? '');
      expect(links.filter((link) => !existsSync(join(ROOT, dirname(doc), link)))).toEqual([]);
    }
  });

  it('promises no more than the protocol does', () => {
    expect(readme.replaceAll(/\n> /g, ' ')).toContain(
      'The ledger takes one outcome and each transactional effect once. A plain effect can happen twice if a worker is frozen or cut off longer than 6 s: make it idempotent, or let the receiver refuse a smaller `shiftwork-execution`.',
    );
    expect(DEFAULT_BACKOFF).toEqual({ type: 'exponential', delay: 1_000 }); // as its table says
  });
});

/** Every TypeScript block of a document, but for those marked `no-check` (they need packages that are not ours). */
function examplesOf(doc: string): { name: string; code: string }[] {
  const blocks = [...read(doc).matchAll(/^( *)```ts\n([\s\S]*?)^ *```$/gm)];
  return blocks.map(([, indent = '', block = ''], i) => {
    const code = block.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    const isNamed = code.includes('class ResizeJob'); // the one that others import
    return { name: isNamed ? 'resize.job.ts' : `${doc.replaceAll(/\W/g, '-')}-${String(i)}.ts`, code };
  });
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  delete options.rootDir;
  delete options.tsBuildInfoFile;
  return { ...options, noEmit: true, incremental: false, noUnusedLocals: false };
}
