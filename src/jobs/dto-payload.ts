import { transformer, validator } from './class-validator.js';
import { issuesOf } from './dto-issues.js';
import { asDeclared, dtoJsonSchema } from './dto-json-schema.js';
import { InvalidPayloadError, type PayloadIssue } from './job-errors.js';
import type { JsonSchema } from './json-schema.js';
import type { DtoClass, PayloadSchema } from './payload-schema.js';

const RULES = {
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  validationError: { target: false },
} as const;

/** Payload rules by a class with class-validator decorators. Properties without one are refused: nothing slips in unchecked. */
export class DtoPayload implements PayloadSchema {
  private schema: JsonSchema | undefined;

  constructor(private readonly declared: DtoClass) {}

  async parse(value: unknown, at = 'payload'): Promise<unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new InvalidPayloadError([{ path: at, message: 'must be an object' }]);
    }
    const unsafe = unsafeKeys(value, at);
    if (unsafe.length > 0) throw new InvalidPayloadError(unsafe);
    if (Object.keys(this.jsonSchema()['properties'] ?? {}).length === 0) return empty(value, at);
    const instance = transformer().plainToInstance(this.declared, copyOf(value));
    const errors = await validator().validate(instance, RULES);
    if (errors.length > 0) throw new InvalidPayloadError(issuesOf(errors, instance, at));
    return value;
  }

  revive(stored: unknown): Promise<unknown> {
    return Promise.resolve(transformer().plainToInstance(this.declared, stored));
  }

  jsonSchema(): JsonSchema {
    this.schema ??= dtoJsonSchema(this.declared);
    return this.schema;
  }

  revivedSchema(): JsonSchema {
    return dtoJsonSchema(this.declared, asDeclared);
  }
}

// class-validator calls an instance of a class without any decorator an unknown value.
function empty(value: object, at: string): object {
  const extra = Object.keys(value);
  if (extra.length > 0)
    throw new InvalidPayloadError(
      extra.map((key) => ({ path: `${at}.${key}`, message: `property ${key} should not exist` })),
    );
  return value;
}

// class-transformer takes the property that chose a class out of what it was given, and that is what will be stored.
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isObject(value)) return value;
  const copy = Object.create(Object.getPrototypeOf(value) as object | null) as object; // of a class of the payload's, perhaps
  return Object.assign(
    copy,
    Object.fromEntries(Object.entries(value).map(([key, child]) => [key, copyOf(child)])),
  );
}

// Neither a Date nor a Map, which are more than their properties.
function isObject(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]';
}

// class-transformer leaves these keys out without a word, so that no rule would ever see them, and does not end where a value has no end.
function unsafeKeys(value: unknown, at: string, above: readonly object[] = []): PayloadIssue[] {
  if (typeof value !== 'object' || value === null) return [];
  if (above.includes(value)) return [{ path: at, message: 'refers back to itself' }];
  const along = [...above, value];
  return Object.entries(value).flatMap(([key, child]) => {
    const path = `${at}.${key}`;
    return key === '__proto__' || key === 'constructor'
      ? [{ path, message: `property ${key} should not exist` }]
      : unsafeKeys(child, path, along);
  });
}
