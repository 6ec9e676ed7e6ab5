import { getMetadataArgsStorage } from 'typeorm';
import { isPlain, MOST_LEVELS } from '../foundation/index.js';
import { validator } from './class-validator.js';
import { InvalidPayloadError, type PayloadIssue } from './job-errors.js';

declare const row: unique symbol;

/** A row by its id, as JSON: `{"$ref": {"entity": "User", "id": 7}}`. */
export interface EntityRef<T> {
  readonly $ref: { readonly entity: string; readonly id: unknown };
  /** Carries the type only; never set. */
  readonly [row]?: T;
}

/** A primary key; an object if it is composite. */
export type EntityId = string | number | Readonly<Record<string, string | number>>;

export type EntityClass<T = unknown> = abstract new (...args: never[]) => T;

/**
 * Stores the id of a row instead of a copy of it, and hands `run` the row as it is then (`EntityGoneError` when it is not
 * there any more). The payload's property says which entity it takes: `@IsEntityRef(() => User)` in a DTO,
 * `z.custom<User>(isEntityRef(User)).meta({ entity: 'User' })` with zod. `id`: the primary key, an object if it is composite.
 */
export function entityRef<T>(entity: EntityClass<T>, id: EntityId): EntityRef<T> {
  return { $ref: { entity: entity.name, id } };
}

/** Checks for a reference to a row of this entity. */
export function isEntityRef(entity: EntityClass): (value: unknown) => boolean {
  return (value) => refOf(value)?.entity === entity.name;
}

const entities = new WeakMap<object, Map<string, () => EntityClass>>();

/** On a property of a payload DTO: takes `entityRef(Entity, id)`, and is the row itself when `run` sees it. */
export function IsEntityRef(entity: () => EntityClass): PropertyDecorator {
  return (target, property) => {
    const name = String(property);
    entities.set(target, new Map([...(entities.get(target) ?? []), [name, entity]]));
    validator().registerDecorator({
      name: 'isEntityRef',
      target: target.constructor,
      propertyName: name,
      validator: {
        validate: (value) => isEntityRef(entity())(value),
        defaultMessage: () =>
          `${name} must be entityRef(${entity().name}, id), in JSON {"$ref": {"entity": "${entity().name}", "id": …}}`,
      },
    });
  };
}

/** The entity that `@IsEntityRef` names for this property, if any. */
export function entityAt(dto: EntityClass, property: string): EntityClass | undefined {
  for (
    let proto: unknown = dto.prototype;
    typeof proto === 'object' && proto !== null;
    proto = Object.getPrototypeOf(proto)
  ) {
    const entity = entities.get(proto)?.get(property);
    if (entity !== undefined) return entity();
  }
  return undefined;
}

/** What a reference names; undefined for anything else, also for a reference whose id is none (`entityRef(User, user.id)` of a user without one). */
export function refOf(value: unknown): { entity: string; id: EntityId } | undefined {
  if (typeof value !== 'object' || value === null || !('$ref' in value)) return undefined;
  const { $ref } = value;
  if (typeof $ref !== 'object' || $ref === null || !('entity' in $ref) || !('id' in $ref)) return undefined;
  return typeof $ref.entity === 'string' && isEntityId($ref.id)
    ? { entity: $ref.entity, id: $ref.id }
    : undefined;
}

// Anything else would be a question to the table rather than the name of a row.
function isEntityId(id: unknown): id is EntityId {
  if (typeof id !== 'object' || id === null) return isKeyPart(id);
  return !Array.isArray(id) && Object.keys(id).length > 0 && Object.values(id).every(isKeyPart);
}

function isKeyPart(value: unknown): boolean {
  return typeof value === 'string' || Number.isFinite(value);
}

/** Whether instances of this class are rows that TypeORM decorators declare. */
export function isEntityClass(type: unknown): boolean {
  return getMetadataArgsStorage().tables.some((table) => table.target === type);
}

/** Throws `InvalidPayloadError` with advice when an entity instance is anywhere in the payload: a stale copy of a row is a bug. */
export function assertNoEntities(payload: unknown, at = 'payload'): void {
  if (isPlain(payload, () => true)) return;
  const issues: PayloadIssue[] = [];
  find(payload, at, new Set(), issues);
  if (issues.length > 0) throw new InvalidPayloadError(issues);
}

function find(value: unknown, path: string, above: Set<object>, issues: PayloadIssue[]): void {
  if (typeof value !== 'object' || value === null || above.has(value)) return;
  // The check of the payload comes after this one and does not count levels: it would overflow the stack.
  if (above.size === MOST_LEVELS) {
    issues.push({ path, message: `is nested deeper than ${String(MOST_LEVELS)} levels` });
    return;
  }
  const type: unknown = value.constructor;
  if (type !== Object && type !== Array && isEntityClass(type)) {
    const name = (type as { name: string }).name; // a class that TypeORM knows
    issues.push({
      path,
      message: `is an instance of the entity ${name}. Pass its id, or entityRef(${name}, id): a copy of a row may be stale when the job runs`,
    });
    return;
  }
  above.add(value);
  for (const [key, child] of Object.entries(value)) find(child, `${path}.${key}`, above, issues);
  above.delete(value);
}
