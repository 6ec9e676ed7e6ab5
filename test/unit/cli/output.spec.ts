import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Output } from '../../../src/cli/output.js';
import { ProgressBar } from '../../../src/cli/progress-bar.js';

it('keeps what a job said from driving the terminal, and its lines apart', () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = new Output({ stdout, stderr });
  output.answer({}, () => 'one\n\t\u001b[2Jtwo\u009b2J');
  output.note('three\u0007');
  new ProgressBar(stderr).show({ status: 'STARTED', percent: 5, message: 'four\n\u001b[2Jfive' });
  expect(String(stdout.read())).toBe('one\n\t [2Jtwo 2J\n');
  expect(String(stderr.read())).toBe('three \n  STARTED  5 %  four [2Jfive\n');
});
