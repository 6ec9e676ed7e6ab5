import type { StandardSchemaV1 } from '@standard-schema/spec';
import { DtoPayload } from './dto-payload.js';
import type { PayloadDeclaration, PayloadSchema } from './payload-schema.js';
import { StandardPayload } from './standard-payload.js';

/** The rules behind a declaration. Throws when it is neither a Standard Schema nor a class with validators. */
export function payloadSchemaOf(declaration: PayloadDeclaration): PayloadSchema {
  return isStandardSchema(declaration) ? new StandardPayload(declaration) : new DtoPayload(declaration);
}

/** Whether the declaration follows https://standardschema.dev (some libraries make it a function, as arktype does). */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  return (
    ((typeof value === 'object' && value !== null) || typeof value === 'function') && '~standard' in value
  );
}
