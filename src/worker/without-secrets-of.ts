import { withoutSecrets, type JobDefinition } from '../jobs/index.js';
import type { ErrorJson } from '../ledger/index.js';

/** The error as it may be kept, logged and mailed: it may have quoted a secret of the payload that the job was given. */
export function withoutSecretsOf(
  payloadText: string,
  { secretPaths }: Pick<JobDefinition, 'secretPaths'>,
  error: ErrorJson,
): ErrorJson {
  if (secretPaths.length === 0) return error;
  const clean = withoutSecrets(JSON.parse(payloadText), secretPaths);
  return { ...error, message: clean(error.message), stack: error.stack === null ? null : clean(error.stack) };
}
