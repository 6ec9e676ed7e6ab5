import type { JsonSchema } from './json-schema.js';

type Keywords = (constraints: readonly unknown[]) => JsonSchema;

const text =
  (more: JsonSchema = {}): Keywords =>
  () => ({ type: 'string', ...more });
const format = (name: string): Keywords => text({ format: name });

/** class-validator's rules by name, each as the JSON Schema words it amounts to. */
export const DTO_KEYWORDS: Readonly<Partial<Record<string, Keywords>>> = {
  isString: text(),
  isBoolean: () => ({ type: 'boolean' }),
  isInt: () => ({ type: 'integer' }),
  isNumber: () => ({ type: 'number' }),
  isPositive: () => ({ type: 'number', exclusiveMinimum: 0 }),
  isNegative: () => ({ type: 'number', exclusiveMaximum: 0 }),
  isDivisibleBy: ([factor]) => ({ type: 'number', multipleOf: factor }),
  min: ([least]) => ({ type: 'number', minimum: least }),
  max: ([most]) => ({ type: 'number', maximum: most }),
  isObject: () => ({ type: 'object' }),
  isArray: () => ({ type: 'array' }),
  arrayMinSize: ([least]) => ({ type: 'array', minItems: least }),
  arrayMaxSize: ([most]) => ({ type: 'array', maxItems: most }),
  arrayNotEmpty: () => ({ type: 'array', minItems: 1 }),
  arrayUnique: () => ({ type: 'array', uniqueItems: true }),
  minLength: ([least]) => ({ type: 'string', minLength: least }),
  maxLength: ([most]) => ({ type: 'string', maxLength: most }),
  isLength: ([least, most]) => ({
    type: 'string',
    ...(least === undefined ? {} : { minLength: least }),
    ...(most === undefined ? {} : { maxLength: most }),
  }),
  matches: ([pattern]) => ({
    type: 'string',
    ...(pattern instanceof RegExp && isOfJson(pattern) ? { pattern: pattern.source } : {}),
  }),
  isIn: ([values]) => ({ enum: values }),
  isEnum: ([entity]) => ({ enum: enumValues(entity) }),
  equals: ([value]) => ({ const: value }),
  isEmail: format('email'),
  isUrl: text(), // it takes example.com, which is no uri
  isUuid: format('uuid'),
  isIso8601: text(), // a day, a week, a local time
  isDateString: text(),
  isRFC3339: format('date-time'),
  isDate: text(), // whatever the constructor of Date reads
};

// JSON Schema reads patterns as those of Unicode, in which `\-` is a fault.
function isOfJson({ source, flags }: RegExp): boolean {
  try {
    return flags === '' && new RegExp(source, 'u').source === source;
  } catch {
    return false;
  }
}

// A TypeScript enum of numbers also maps back from number to name; those keys are no values.
function enumValues(entity: unknown): unknown[] {
  if (typeof entity !== 'object' || entity === null) return [];
  return Object.entries(entity)
    .filter(([key]) => Number.isNaN(Number(key)))
    .map(([, value]: [string, unknown]) => value);
}
