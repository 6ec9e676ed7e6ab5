#!/usr/bin/env node
/* The long runs that kill things. With --long also those that take minutes to make one point. Other arguments go to vitest. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const args = process.argv.slice(2);
const files = args.includes('--long') ? ['test/storm/'] : ['test/storm/clock', 'test/storm/deploy'];
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    join(root, 'vitest.storm.config.ts'),
    ...files,
    ...args.filter((arg) => arg !== '--long'),
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? 1);
