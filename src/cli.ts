#!/usr/bin/env node
import { setImmediate as nextTurn } from 'node:timers/promises';
import { environment } from './config/index.js';
import { EXIT, runCli, type ExitCode } from './cli/index.js';

/** After the first Ctrl-C whatever is under way has this long to take its wishes back. */
const LAST_MOMENT_MS = 4_000;

const interrupted = new AbortController();
let isSignalled = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (isSignalled && signal === 'SIGINT') process.exit(EXIT.interrupted); // a person who does not want to wait
    isSignalled = true;
    interrupted.abort();
    setTimeout(() => process.exit(EXIT.interrupted), LAST_MOMENT_MS).unref();
  });
}
// The reader of a pipe may leave early (`shiftwork task ID --follow | head -1`): what is under way ends, and that is no fault. What
// was found out until then stays the exit code: a drain whose verdict nobody reads must not look safe.
let lost: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  lost = error;
  interrupted.abort();
});
process.stderr.on('error', () => undefined); // nobody listens to what is said on the way

const code = await runCli(process.argv.slice(2), environment, process, interrupted.signal);
await nextTurn(); // only then a stream tells what became of the last write
process.exitCode = lost === undefined ? code : codeWithout(lost);

function codeWithout({ code: fault, message }: NodeJS.ErrnoException): ExitCode {
  // Ctrl-C ends the reader, too (`shiftwork drain | tee log`): that is no leaving early.
  if (fault === 'EPIPE') return code === EXIT.interrupted && !isSignalled ? EXIT.done : code;
  process.stderr.write(`shiftwork: The answer could not be written (${message}).\n`);
  return EXIT.no;
}
