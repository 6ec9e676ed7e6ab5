import { stepOf } from './walk-paths.js';

/** A JSON Schema (2020-12) as a plain object. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The paths at which a schema carries `keyword`, dotted, with `*` for any index or any key of a record: `card.number`,
 * `users.*.token` (a name is written as `stepOf` says). A schema that refers back to itself adds `**.token`: that name at any
 * depth, with the stars behind it.
 */
export function pathsMarked(schema: JsonSchema, keyword: string): string[] {
  const found = new Set<string>();
  const cycles: unknown[] = [];
  const visit = (node: unknown, path: readonly string[], above: readonly unknown[]): void => {
    if (!isSchema(node)) return;
    if (above.includes(node)) {
      cycles.push(node);
      return;
    }
    if (node[keyword] !== undefined && node[keyword] !== false) found.add(path.join('.'));
    for (const [step, child] of childrenOf(node, schema))
      visit(child, step === null ? path : [...path, step], [...above, node]);
  };
  visit(schema, [], []);
  if (cycles.length > 0) for (const path of [...found]) found.add(atAnyDepth(path.split('.')));
  return [...found];
}

function atAnyDepth(steps: readonly string[]): string {
  const named = steps.findLastIndex((step) => step !== '*');
  return ['**', ...steps.slice(Math.max(0, named))].join('.');
}

type Child = readonly [step: string | null, schema: unknown];

function childrenOf(node: JsonSchema, root: JsonSchema): Child[] {
  const { properties, items, prefixItems, additionalProperties, patternProperties, $ref } = node;
  const children: Child[] = [];
  if (isSchema(properties))
    for (const [name, child] of Object.entries(properties)) children.push([stepOf(name), child]);
  if (isSchema(items)) children.push(['*', items]);
  if (Array.isArray(prefixItems))
    for (const [i, child] of prefixItems.entries()) children.push([String(i), child]);
  if (isSchema(additionalProperties)) children.push(['*', additionalProperties]);
  if (isSchema(patternProperties))
    for (const child of Object.values(patternProperties)) children.push(['*', child]);
  for (const word of ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else']) {
    for (const child of [node[word]].flat()) children.push([null, child]);
  }
  if (typeof $ref === 'string') children.push([null, resolvePointer($ref, root)]);
  return children;
}

// Only references inside the document: that is all that zod and our own converter write.
function resolvePointer(ref: string, root: JsonSchema): unknown {
  if (!ref.startsWith('#')) return undefined;
  let node: unknown = root;
  for (const step of ref
    .slice(1)
    .split('/')
    .filter((each) => each !== '')) {
    if (!isSchema(node)) return undefined;
    node = node[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return node;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
