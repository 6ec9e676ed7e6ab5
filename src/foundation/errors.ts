/**
 * The root of every error that Shiftwork throws. `code` is the contract (kebab-case, stable across releases);
 * the message is for people and says what to do. It knows nothing of HTTP or log levels.
 */
export abstract class ShiftworkError extends Error {
  abstract readonly code: string;

  constructor(
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }

  toJSON(): { name: string; code: string; message: string; details: Readonly<Record<string, unknown>> } {
    return { name: this.name, code: this.code, message: this.message, details: this.details };
  }
}

/** Boot: something in the code is declared wrongly. The message names the line to add or change. */
export class DefinitionError extends ShiftworkError {
  readonly code = 'bad-definition';
}

/** A caller's fault: bad input, an unknown name, an illegal move. Nothing was changed. */
export abstract class RequestError extends ShiftworkError {}

/** Most faults that the answer to one request names: beyond that a caller has made the same mistake again and again. */
export const MOST_FAULTS = 1_000;

/** A server we need is away. Whoever owns the loop tries again; a request is answered 503. */
export abstract class UnavailableError extends ShiftworkError {}

/** Whatever was thrown, as an `Error`. Never throws. */
export function asError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  return new Error(
    typeof thrown === 'string' ? thrown : `Something that is no Error was thrown: ${describe(thrown)}`,
  );
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return asError(thrown).message;
}

function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error;
  } catch {
    return false; // a revoked proxy
  }
}

function describe(thrown: unknown): string {
  try {
    return JSON.stringify(thrown);
  } catch {
    return typeof thrown; // a circular object: its type must do
  }
}
