import { CommanderError } from 'commander';
import type { Environment } from '../config/index.js';
import { asError, ShiftworkError } from '../foundation/index.js';
import { Cli } from './cli.js';
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.js';
import { Output, type Streams } from './output.js';
import { programOf } from './program.js';

/**
 * Runs one command of the `shiftwork` command line. `args` are the words after the program's name. Answers the exit code;
 * never rejects and never ends the process. `interrupted` aborts what is under way (Ctrl-C).
 */
export async function runCli(
  args: readonly string[],
  env: Environment,
  streams: Streams,
  interrupted: AbortSignal,
): Promise<ExitCode> {
  const output = new Output(streams);
  const cli = new Cli(env, output, interrupted);
  try {
    await programOf(cli).parseAsync(args, { from: 'user' });
    return cli.exitCode;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (interrupted.aborted) return EXIT.interrupted;
    const error = await asFault(thrown);
    tell(error, output);
    return exitCodeOf(error);
  }
}

async function asFault(thrown: unknown): Promise<Error> {
  const error = asError(thrown);
  if (error instanceof ShiftworkError) return error;
  const { settingsFault } = await import('../postgres/index.js'); // only now: it is slow to load
  return settingsFault(error) ?? error;
}

function tell(error: Error, output: Output): void {
  const { code, message } = faultOf(error);
  output.note(`shiftwork: ${message}`);
  // Not one of ours: a fault of the program itself, for which somebody will need to know where.
  if (code === 'unexpected' && error.stack !== undefined) output.note(error.stack);
  if (output.json) output.answer({ error: { code, message } }, () => '');
}

// PostgreSQL's words for a table, a column or a schema that is not there.
const NO_SUCH_TABLE = new Set(['42P01', '42703', '3F000']);

function faultOf(error: Error): { code: string; message: string } {
  if (error instanceof ShiftworkError) return { code: error.code, message: error.message };
  if (NO_SUCH_TABLE.has(codeOf(error))) {
    return {
      code: 'schema-missing',
      message: `The tables are missing or older than this release (${error.message}). Run: shiftwork migrate`,
    };
  }
  return { code: 'unexpected', message: error.message };
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
