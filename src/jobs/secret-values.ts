import { REDACTED } from './redact-secrets.js';
import { replaceAt } from './walk-paths.js';

/** Shorter ones would black out half of every text, and are no secrets. */
const LEAST_LENGTH = 4;

/**
 * A function that replaces the payload's secret values wherever they stand in a text: errors like to quote what they were
 * given ("invalid token abc…"), and errors are stored, logged and mailed.
 */
export function withoutSecrets(payload: unknown, secretPaths: readonly string[]): (text: string) => string {
  const values = [...new Set(leaves(secretsOf(payload, secretPaths)))].filter(
    (value) => value.length >= LEAST_LENGTH,
  );
  values.sort((a, b) => b.length - a.length); // a secret may begin with another
  return (text) => values.reduce((clean, value) => clean.replaceAll(value, REDACTED), text);
}

/**
 * An amended payload in which `[secret]`, which is all that a person saw of a secret, is the secret of the original again.
 * A secret that was typed anew stays as it was typed.
 */
export function restoreSecrets(amended: unknown, original: unknown, secretPaths: readonly string[]): unknown {
  return replaceAt(amended, secretPaths, (value, path) =>
    value === REDACTED ? (valueAt(original, path) ?? value) : value,
  );
}

function secretsOf(payload: unknown, secretPaths: readonly string[]): unknown[] {
  const found: unknown[] = [];
  replaceAt(payload, secretPaths, (value) => {
    found.push(value);
    return value;
  });
  return found;
}

// A secret may be an object (a key pair): each text in it is one.
function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (node, key) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, key)
        ? (node as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}
