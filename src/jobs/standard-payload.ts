import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidPayloadError, type PayloadIssue } from './job-errors.js';
import type { JsonSchema } from './json-schema.js';
import type { PayloadSchema } from './payload-schema.js';

/** Payload rules by a Standard Schema: zod 4 and its kin. */
export class StandardPayload implements PayloadSchema {
  private schema: JsonSchema | undefined;

  constructor(private readonly declared: StandardSchemaV1) {}

  async parse(value: unknown, at = 'payload'): Promise<unknown> {
    await this.validate(value, at);
    return value;
  }

  revive(stored: unknown): Promise<unknown> {
    return this.validate(stored, 'payload');
  }

  jsonSchema(): JsonSchema {
    this.schema ??= jsonSchemaOf(this.declared);
    return this.schema;
  }

  revivedSchema(): JsonSchema {
    return this.jsonSchema();
  }

  private async validate(value: unknown, at: string): Promise<unknown> {
    const validating = this.declared['~standard'].validate(value);
    const outcome = validating instanceof Promise ? await validating : validating;
    if (outcome.issues !== undefined)
      throw new InvalidPayloadError(outcome.issues.flatMap((issue) => readable(issue, at)));
    return outcome.value;
  }
}

function readable(issue: StandardSchemaV1.Issue, at: string): PayloadIssue[] {
  const steps = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
  const path = [at, ...steps].join('.');
  // zod reports unknown keys at the object that has them; people look for the key.
  const unknown = 'keys' in issue && Array.isArray(issue.keys) ? issue.keys.map(String) : [];
  if (unknown.length === 0) return [{ path, message: issue.message }];
  return unknown.map((key) => ({ path: `${path}.${key}`, message: `property ${key} should not exist` }));
}

// A library that cannot write JSON Schema, or not for this schema, is no reason not to run its jobs: `{}` allows anything.
function jsonSchemaOf(declared: StandardSchemaV1): JsonSchema {
  const standard: Partial<StandardJSONSchemaV1.Props> = declared['~standard'];
  try {
    return (
      standard.jsonSchema?.input({ target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } }) ??
      {}
    );
  } catch {
    return {};
  }
}
