import { asError, messageOf, storableText, truncateBytes } from '../foundation/index.js';
import type { ErrorJson } from '../ledger/index.js';

/** Bytes of a stack that are kept (PROTOCOL: sizes). */
const STACK_MAX_BYTES = 16_384;
const MESSAGE_MAX_BYTES = 8_192;

/** Whatever a job threw, as it is kept. Never throws: an error's fields may be anything, and reading one may fail. */
export function errorJson(thrown: unknown, at: Date): ErrorJson {
  try {
    return asTold(thrown, at);
  } catch {
    // Nor is what its getter threw any more trustworthy.
    const message = 'What was thrown cannot be read: asked for one of its fields, it throws.';
    return { name: 'Error', message, code: null, stack: null, at: at.toISOString() };
  }
}

function asTold(thrown: unknown, at: Date): ErrorJson {
  const error = asError(thrown);
  const { name, message, stack }: { name: unknown; message: unknown; stack?: unknown } = error;
  return {
    name: clean(name === 'Error' ? error.constructor.name || 'Error' : name, 200),
    message: clean(message, MESSAGE_MAX_BYTES),
    code:
      'code' in error && (typeof error.code === 'string' || typeof error.code === 'number')
        ? clean(error.code, 200)
        : null,
    stack: typeof stack === 'string' ? clean(stack, STACK_MAX_BYTES) : null,
    at: at.toISOString(),
  };
}

function clean(value: unknown, maxBytes: number): string {
  const text = typeof value === 'string' ? value : messageOf(value);
  return truncateBytes(storableText(text), maxBytes);
}
