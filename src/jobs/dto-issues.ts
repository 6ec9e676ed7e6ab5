import type { ValidationError } from 'class-validator';
import { MOST_FAULTS } from '../foundation/index.js';
import { validator } from './class-validator.js';
import type { PayloadIssue } from './job-errors.js';

/** class-validator's tree of errors as a flat list of paths and messages. */
export function issuesOf(errors: readonly ValidationError[], owner: object, at: string): PayloadIssue[] {
  return errors.flatMap((error) => {
    const path = `${at}.${error.property}`;
    const own = Object.entries(error.constraints ?? {}).flatMap(([rule, message]) =>
      ownIssues(error, owner, path, rule, message),
    );
    const below: unknown = error.value;
    const nested =
      typeof below === 'object' && below !== null ? issuesOf(error.children ?? [], below, path) : [];
    return [...own, ...nested];
  });
}

// `@IsInt({ each: true })` fails for a whole array without saying where; people want the index.
function ownIssues(
  error: ValidationError,
  owner: object,
  path: string,
  rule: string,
  message: string,
): PayloadIssue[] {
  const items: unknown = error.value;
  if (!Array.isArray(items)) return [{ path, message }];
  const bad = indexesOf(items, eachRule(owner, error.property, rule, items));
  if (bad.length === 0) return [{ path, message }];
  return bad.map((i) => ({
    path: `${path}.${String(i)}`,
    message: message.replace(/^each value in \S+ /, ''),
  }));
}

// No more than are told.
function indexesOf(items: readonly unknown[], fails: (item: unknown) => boolean): number[] {
  const indexes: number[] = [];
  for (let i = 0; i < items.length && indexes.length < MOST_FAULTS; i++) {
    if (fails(items[i])) indexes.push(i);
  }
  return indexes;
}

/** Whether an item fails a rule that is for each. */
function eachRule(owner: object, property: string, rule: string, items: unknown): (item: unknown) => boolean {
  const storage = validator().getMetadataStorage();
  const checks = storage
    .getTargetValidationMetadatas(owner.constructor, '', false, false)
    .filter((it) => it.propertyName === property && it.each)
    .flatMap((metadata) =>
      storage
        .getTargetValidatorConstraints(metadata.constraintCls)
        .filter((constraint) => (constraint.name || metadata.type) === rule)
        .map(({ instance }) => ({
          instance,
          args: {
            targetName: owner.constructor.name,
            property,
            object: owner,
            value: items,
            constraints: metadata.constraints as unknown[],
          },
        })),
    );
  // A promise (an async rule) keeps the path of the array.
  return (item) => checks.some(({ instance, args }) => instance.validate(item, args) === false);
}
