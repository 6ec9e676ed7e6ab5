import { byteLength, messageOf, toJsonText } from '../foundation/index.js';

/** A result, as JSON, may have this many bytes (PROTOCOL: sizes). */
export const RESULT_MAX_BYTES = 262_144;

/** What a job returned, or finished with, cannot be kept. Doing it again would give the same result: no other attempt. */
export class ResultError extends Error {
  override readonly name = 'ResultError';
  constructor(
    readonly code: 'result-too-large' | 'result-not-storable',
    message: string,
  ) {
    super(message);
  }
}

/** A result as JSON text. Throws `ResultError`. */
export function resultText(value: unknown): string {
  const text = jsonOf(value);
  const bytes = byteLength(text);
  if (bytes <= RESULT_MAX_BYTES) return text;
  throw new ResultError(
    'result-too-large',
    `The result has ${String(bytes)} bytes of JSON; ${String(RESULT_MAX_BYTES)} are kept. Store the data and return where it is.`,
  );
}

function jsonOf(value: unknown): string {
  try {
    return toJsonText(value);
  } catch (error) {
    // Not JSON, nested too deeply for a look at it, or with a getter or a toJSON of the job's own that throws.
    throw new ResultError('result-not-storable', `The result cannot be stored as JSON: ${messageOf(error)}`);
  }
}
