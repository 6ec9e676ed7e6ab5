import 'reflect-metadata';
import type { DiscriminatorDescriptor } from 'class-transformer';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata.js';
import { transformerStorage, validator } from './class-validator.js';
import { DTO_KEYWORDS } from './dto-keywords.js';
import { entityAt } from './entity-ref.js';
import type { JsonSchema } from './json-schema.js';
import type { DtoClass } from './payload-schema.js';
import { isSecret } from './secret.decorator.js';

/** What a property of a class is called in the schema. */
type NameOf = (dto: DtoClass, property: string) => string;

/** As it is sent: `@Expose({ name })` may say otherwise than the class. */
const asSent: NameOf = (dto, property) =>
  transformerStorage().defaultMetadataStorage.findExposeMetadata(dto, property)?.options?.name ?? property;

/** As it is in an instance of the class. */
export const asDeclared: NameOf = (_dto, property) => property;

/** The JSON Schema that a class-validator DTO amounts to. Rules without a JSON word (custom ones) are left out: it allows too much rather than too little. */
export function dtoJsonSchema(dto: DtoClass, nameOf: NameOf = asSent): JsonSchema {
  const definitions: Definitions = { byClass: new Map(), nameOf };
  const root = objectSchema(dto, [dto], definitions);
  const $defs = Object.fromEntries([...definitions.byClass.values()].map(definitionOf));
  return Object.keys($defs).length === 0 ? root : { ...root, $defs };
}

interface Definition {
  readonly name: string;
  /** Properties by which class-transformer chooses this class: they may be sent, and need not be declared. */
  readonly chosenBy: Set<string>;
  schema: JsonSchema;
}

interface Definitions {
  readonly byClass: Map<DtoClass, Definition>;
  readonly nameOf: NameOf;
}

function definitionOf({ name, chosenBy, schema }: Definition): [string, JsonSchema] {
  const chosen = Object.fromEntries([...chosenBy].map((property) => [property, { type: 'string' }]));
  return [name, { ...schema, properties: { ...chosen, ...(schema['properties'] as object) } }]; // of an object, by objectSchema
}

function objectSchema(dto: DtoClass, above: readonly DtoClass[], definitions: Definitions): JsonSchema {
  const storage = validator().getMetadataStorage();
  const rules = storage.getTargetValidationMetadatas(dto, '', false, false);
  const defaults = defaultsOf(dto);
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  for (const [name, all] of Object.entries(storage.groupByPropertyName(rules))) {
    const isOptional = all.some((rule) => rule.type === validator().ValidationTypes.CONDITIONAL_VALIDATION);
    const schema = propertySchema(dto, name, all, above, definitions);
    const called = definitions.nameOf(dto, name);
    properties[called] = {
      ...(isOptional ? nullable(schema) : schema),
      ...defaultOf(defaults[name]),
      ...(isSecret(dto, name) ? { secret: true } : {}),
    };
    if (!isOptional && defaults[name] === undefined) required.push(called);
  }
  return {
    type: 'object',
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

function propertySchema(
  dto: DtoClass,
  name: string,
  rules: readonly ValidationMetadata[],
  above: readonly DtoClass[],
  definitions: Definitions,
): JsonSchema {
  const entity = entityAt(dto, name);
  if (entity !== undefined) return refSchema(entity.name);
  const [ofItems, ofValue] = [rules.filter((rule) => rule.each), rules.filter((rule) => !rule.each)];
  const nested = nestedSchema(dto, name, rules, above, definitions);
  const isArray =
    ofItems.length > 0 ||
    designTypeOf(dto, name) === Array ||
    ofValue.some((rule) => rule.name === 'isArray');
  if (!isArray) return { ...keywords(ofValue), ...nested };
  const items = { ...keywords(ofItems), ...nested };
  return { ...keywords(ofValue), type: 'array', ...(Object.keys(items).length > 0 ? { items } : {}) };
}

function keywords(rules: readonly ValidationMetadata[]): JsonSchema {
  const merged: Record<string, unknown> = {};
  for (const rule of rules) {
    const constraints = (rule.constraints as readonly unknown[] | undefined) ?? []; // class-validator types them any
    const words = DTO_KEYWORDS[rule.name ?? '']?.(constraints) ?? {};
    // `integer` is narrower than the `number` of another rule on the same property.
    if (words['type'] === 'number' && merged['type'] === 'integer')
      Object.assign(merged, { ...words, type: 'integer' });
    else Object.assign(merged, words);
  }
  return merged;
}

function nestedSchema(
  dto: DtoClass,
  name: string,
  rules: readonly ValidationMetadata[],
  above: readonly DtoClass[],
  definitions: Definitions,
): JsonSchema {
  if (!rules.some((rule) => rule.type === validator().ValidationTypes.NESTED_VALIDATION)) return {};
  const type = nestedTypeOf(dto, name);
  const { discriminator } =
    transformerStorage().defaultMetadataStorage.findTypeMetadata(dto, name)?.options ?? {};
  if (discriminator !== undefined) return chosenSchema(discriminator, type, above, definitions);
  if (type === undefined) return { type: 'object' };
  if (type === above[0]) return { $ref: '#' };
  return { $ref: `#/$defs/${define(type, above, definitions).name}` };
}

function chosenSchema(
  { property, subTypes }: DiscriminatorDescriptor,
  fallback: DtoClass | undefined,
  above: readonly DtoClass[],
  definitions: Definitions,
): JsonSchema {
  const refTo = (type: DtoClass): JsonSchema => {
    const { name, chosenBy } = define(type, above, definitions);
    chosenBy.add(property);
    return { $ref: `#/$defs/${name}` };
  };
  const anyOf = subTypes.map(({ value }) => refTo(value as DtoClass)); // a class: class-transformer makes one
  if (fallback === undefined) return { anyOf };
  // Whoever chooses none, or one that is not there, gets the class of the property itself.
  const isChosen = {
    properties: { [property]: { enum: subTypes.map((type) => type.name) } },
    required: [property],
  };
  return { anyOf: [...anyOf, { allOf: [refTo(fallback), { not: isChosen }] }] };
}

function define(type: DtoClass, above: readonly DtoClass[], definitions: Definitions): Definition {
  const known = definitions.byClass.get(type);
  if (known !== undefined) return known;
  const definition: Definition = { name: freeName(type.name, definitions), chosenBy: new Set(), schema: {} };
  definitions.byClass.set(type, definition); // a class that contains itself finds this entry and refers to it
  definition.schema = objectSchema(type, [...above, type], definitions);
  return definition;
}

// Classes of several files may have one name.
function freeName(name: string, definitions: Definitions): string {
  const taken = new Set([...definitions.byClass.values()].map((each) => each.name));
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name}${String(n)}`;
  return free;
}

function nestedTypeOf(dto: DtoClass, name: string): DtoClass | undefined {
  const declared = transformerStorage().defaultMetadataStorage.findTypeMetadata(dto, name);
  const type: unknown = declared === undefined ? designTypeOf(dto, name) : typeOf(declared);
  return typeof type === 'function' && type !== Object && type !== Array ? (type as DtoClass) : undefined; // a class: @Type or the property's own
}

// One that reads its argument chooses by what is sent: of that nothing is known here.
function typeOf(declared: { typeFunction(): unknown }): unknown {
  try {
    return declared.typeFunction();
  } catch {
    return undefined;
  }
}

function designTypeOf(dto: DtoClass, name: string): unknown {
  return Reflect.getMetadata('design:type', dto.prototype as object, name); // a class always has one
}

// As `EntityId`.
const KEY_PART = { type: ['string', 'number'] };
const ENTITY_ID = { type: ['string', 'number', 'object'], minProperties: 1, additionalProperties: KEY_PART };

function refSchema(entity: string): JsonSchema {
  const $ref = {
    type: 'object',
    properties: { entity: { const: entity }, id: ENTITY_ID },
    required: ['entity', 'id'],
    additionalProperties: false,
  };
  return { type: 'object', properties: { $ref }, required: ['$ref'], additionalProperties: false, entity };
}

// @IsOptional lets null through as well as a missing property.
function nullable(schema: JsonSchema): JsonSchema {
  const { type, enum: values } = schema;
  if (typeof schema['$ref'] === 'string') return { anyOf: [schema, { type: 'null' }] };
  if (Array.isArray(schema['anyOf']))
    return { ...schema, anyOf: [...(schema['anyOf'] as unknown[]), { type: 'null' }] };
  return {
    ...schema,
    ...(typeof type === 'string' ? { type: [type, 'null'] } : {}),
    ...(Array.isArray(values) ? { enum: [...(values as unknown[]), null] } : {}),
  };
}

function defaultsOf(dto: DtoClass): Readonly<Record<string, unknown>> {
  try {
    return new dto() as Record<string, unknown>; // any object may be read by key
  } catch {
    return {}; // its constructor wants something: then nobody can know its defaults
  }
}

function defaultOf(value: unknown): JsonSchema {
  return value === undefined || value instanceof Date ? {} : { default: value };
}
