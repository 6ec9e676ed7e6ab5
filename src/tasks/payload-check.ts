import { byteLength, NotJsonError, toJsonText, type JsonValue } from '../foundation/index.js';
import { InvalidPayloadError } from '../jobs/index.js';
import type { KnownJob } from './known-jobs.js';
import { PayloadTooLargeError } from './task-errors.js';

/** A payload, as JSON, may have this many bytes of UTF-8 (PROTOCOL: sizes). */
export const PAYLOAD_MAX_BYTES = 262_144;

/** A payload that fits its job, as it is stored. */
export interface CheckedPayload {
  readonly text: string;
  readonly value: JsonValue;
}

/**
 * Checks a payload by the rules of its job and the limits of the ledger. Throws `InvalidPayloadError` with every fault,
 * paths beginning with `at`, or `PayloadTooLargeError`.
 */
export async function checkPayload(job: KnownJob, payload: unknown, at: string): Promise<CheckedPayload> {
  const value = await job.parse(payload, at);
  const text = jsonTextOf(value, at);
  if (text.length * 3 > PAYLOAD_MAX_BYTES) {
    const bytes = byteLength(text);
    if (bytes > PAYLOAD_MAX_BYTES) throw new PayloadTooLargeError(bytes, PAYLOAD_MAX_BYTES);
  }
  return { text, value: value as JsonValue }; // toJsonText has checked that it is
}

function jsonTextOf(value: unknown, at: string): string {
  try {
    return toJsonText(value);
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    throw new InvalidPayloadError([
      { path: error.path === '' ? at : `${at}.${error.path}`, message: error.why },
    ]);
  }
}
