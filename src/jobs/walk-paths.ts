import { MOST_LEVELS } from '../foundation/index.js';

/** Called for each value that a path names; what it returns takes the value's place. */
export type Replace = (value: unknown, path: readonly string[]) => unknown;

/** A property's name as a step of a path, where a dot and a star mean something else. */
export function stepOf(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('.', '%2E').replaceAll('*', '%2A');
}

/**
 * A copy of `value` in which everything that one of `paths` names went through `replace`. Paths are those of `pathsMarked`:
 * dotted, `*` for any key or index, a leading `**` for any depth. What no path names is shared with the original.
 */
export function replaceAt(value: unknown, paths: readonly string[], replace: Replace): unknown {
  return paths.reduce((result, path) => walk(result, path === '' ? [] : path.split('.'), [], replace), value);
}

function walk(value: unknown, steps: readonly string[], at: readonly string[], replace: Replace): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return value === undefined ? undefined : replace(value, at);
  if (typeof value !== 'object' || value === null) return value;
  if (step === '**') return anyDepth(value, steps, rest, at, replace);
  return mapChildren(value, (child, key) =>
    step === '*' || step === stepOf(key) ? walk(child, rest, [...at, key], replace) : child,
  );
}

// Here, or in any child: `**.token` finds token, a.token, a.0.b.token.
function anyDepth(
  value: object,
  steps: readonly string[],
  rest: readonly string[],
  at: readonly string[],
  replace: Replace,
): unknown {
  if (at.length > MOST_LEVELS) return value; // it will be refused, or it would not be here
  const here = walk(value, rest, at, replace);
  if (typeof here !== 'object' || here === null) return here;
  return mapChildren(here, (child, key) => walk(child, steps, [...at, key], replace));
}

function mapChildren(value: object, map: (child: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((child: unknown, i) => map(child, String(i)));
  const copy: object = Object.create(Object.getPrototypeOf(value) as object | null) as object; // a DTO stays an instance of its class
  for (const [key, child] of Object.entries(value)) {
    Object.defineProperty(copy, key, {
      value: map(child, key),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return copy;
}
