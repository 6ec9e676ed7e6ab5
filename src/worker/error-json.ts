import { asError, storableText, truncateBytes } from '../foundation/index.js';
import type { ErrorJson } from '../ledger/index.js';

/** Bytes of a stack that are kept (PROTOCOL: sizes). */
const STACK_MAX_BYTES = 16_384;
const MESSAGE_MAX_BYTES = 8_192;

/** Whatever a job threw, as it is kept. */
export function errorJson(thrown: unknown, at: Date): ErrorJson {
  const error = asError(thrown);
  return {
    name: clean(error.name === 'Error' ? error.constructor.name || 'Error' : error.name, 200),
    message: clean(error.message, MESSAGE_MAX_BYTES),
    code:
      'code' in error && (typeof error.code === 'string' || typeof error.code === 'number')
        ? clean(String(error.code), 200)
        : null,
    stack: typeof error.stack === 'string' ? clean(error.stack, STACK_MAX_BYTES) : null,
    at: at.toISOString(),
  };
}

function clean(text: string, maxBytes: number): string {
  return truncateBytes(storableText(text), maxBytes);
}
