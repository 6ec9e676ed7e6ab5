#!/usr/bin/env node
import { environment } from './config/index.js';
import { EXIT, runCli } from './cli/index.js';

/** After the first Ctrl-C whatever is under way has this long to take its wishes back. */
const LAST_MOMENT_MS = 4_000;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted.signal.aborted && signal === 'SIGINT') process.exit(EXIT.interrupted); // a person who does not want to wait
    interrupted.abort();
    setTimeout(() => process.exit(EXIT.interrupted), LAST_MOMENT_MS).unref();
  });
}
// The reader of a pipe may leave early (`shiftwork ps | head -1`): that is no fault.
process.stdout.on('error', () => process.exit(EXIT.done));

process.exitCode = await runCli(process.argv.slice(2), environment, process, interrupted.signal);
