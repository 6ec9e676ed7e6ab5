import { replaceAt } from './walk-paths.js';

/** What people see where a secret was. */
export const REDACTED = '[secret]';

/**
 * The payload as it may be shown: whatever `secretPaths` (of the job's definition) name is replaced by `[secret]`.
 * Null stays null, so that people can tell a missing secret from one that is there.
 */
export function redactSecrets(payload: unknown, secretPaths: readonly string[]): unknown {
  if (secretPaths.length === 0) return payload;
  return replaceAt(payload, secretPaths, (value) => (value === null ? null : REDACTED));
}
