import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const OUTPUT = join(import.meta.dirname, '../../../dist/dev/output.js');

/** What a program of its own prints, which takes its stdout for a terminal. */
function printed(env: Record<string, string>): string {
  const program = `process.stdout.isTTY = true; new (await import(${JSON.stringify(OUTPUT)})).Output().line('web', 'text')`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' })
    .stdout;
}

it('colours the names in a terminal, unless NO_COLOR says otherwise', () => {
  expect(printed({})).toBe('\u001B[36mweb      |\u001B[0m text\n');
  expect(printed({ NO_COLOR: '' })).toBe(printed({}));
  expect(printed({ NO_COLOR: '1' })).toBe('web      | text\n');
});
