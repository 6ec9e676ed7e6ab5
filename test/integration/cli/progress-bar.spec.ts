import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const BAR = join(import.meta.dirname, '../../../dist/cli/progress-bar.js');

// As after a second Ctrl-C. Proven: without the listener of `exit` the cursor stays hidden.
it('gives the cursor back when the process is ended under it, and once', () => {
  const program = `
    process.stderr.isTTY = true;
    const { ProgressBar } = await import(${JSON.stringify(BAR)});
    new ProgressBar(process.stderr).stop();
    new ProgressBar(process.stderr);
    process.exit(130);`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  expect(status).toBe(130);
  expect(stderr.match(/\[\?25[lh]/g)).toEqual(['[?25l', '[?25h', '[?25l', '[?25h']); // hidden, shown, hidden, shown
});
