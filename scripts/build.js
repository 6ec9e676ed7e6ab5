#!/usr/bin/env node
/*
 * src → dist: compiles, copies what is not TypeScript (the dashboard's files), makes the command executable, and removes files
 * whose source is gone. A stale file would still be loaded by a glob, or found by an import that no longer compiles.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const src = join(root, 'src');
const dist = join(root, 'dist');
const buildInfo = join(root, 'node_modules/.cache/shiftwork.tsbuildinfo');
const BUILD_HASH = 'build-hash.txt';
const COMPILED = /(\.d\.ts|\.js)(\.map)?$/;

if (!existsSync(dist)) rmSync(buildInfo, { force: true }); // else the compiler believes that nothing needs to be written
for (const file of filesIn(dist)) if (file !== BUILD_HASH && !hasSource(file)) forget(file);
compile();
for (const file of filesIn(src)) if (!file.endsWith('.ts')) copy(file);
nameTheBuild();
if (existsSync(join(dist, 'cli.js'))) chmodSync(join(dist, 'cli.js'), 0o755);

function compile() {
  const tsc = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], {
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

// What RELEASE is where the platform names none: a drain wish of the old build must not hold the new one.
function nameTheBuild() {
  const hash = createHash('sha256');
  for (const file of filesIn(dist)
    .filter((name) => name.endsWith('.js'))
    .sort())
    hash.update(file).update(readFileSync(join(dist, file)));
  writeFileSync(join(dist, BUILD_HASH), `${hash.digest('hex').slice(0, 12)}\n`);
}

function hasSource(file) {
  return (
    existsSync(join(src, COMPILED.test(file) ? file.replace(COMPILED, '.ts') : file)) ||
    existsSync(join(src, file))
  );
}

function forget(file) {
  rmSync(join(dist, file));
  rmSync(buildInfo, { force: true }); // should the source come back unchanged, it must be compiled again
}

function copy(file) {
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  copyFileSync(join(src, file), join(dist, file));
}

function filesIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).filter((name) => statSync(join(folder, name)).isFile());
}
