import { SettingsError } from '../config/index.js';
import { RequestError, ShiftworkError, UnavailableError } from '../foundation/index.js';

/** What the shell is told. Scripts rely on these: `shiftwork drain && git push`. */
export const EXIT = {
  /** Done, or yes. */
  done: 0,
  /** No: busy, not found, failed, a fault was found. */
  no: 1,
  /** The command line or the settings are wrong; nothing was tried. */
  usage: 2,
  /** PostgreSQL or Redis cannot be reached. */
  unreachable: 3,
  /** Ctrl-C. A drain's wish was taken back. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES_HELP = `
Exit codes:
  0    done; for drain: safe to push
  1    no: still busy, not found, the task failed, doctor found a fault
  2    the command line or the settings are wrong
  3    PostgreSQL or Redis cannot be reached
  130  Ctrl-C; a drain asked for is taken back`;

/** What is wrong with what the person typed. */
export class UsageError extends RequestError {
  readonly code = 'usage';
}

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UnavailableError) return EXIT.unreachable;
  if (error instanceof SettingsError || error instanceof UsageError) return EXIT.usage;
  // The input itself was refused: like a wrong option, it is the command line that has to change.
  if (error instanceof ShiftworkError && INPUT_CODES.has(error.code)) return EXIT.usage;
  return EXIT.no;
}

const INPUT_CODES = new Set(['invalid', 'payload-too-large', 'bad-cursor', 'idempotency-key-reused']);
