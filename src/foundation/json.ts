import { ShiftworkError } from './errors.js';

/** What survives a trip through JSON unchanged. */
export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Something that cannot be stored as JSON. `path` is dotted from the value's root, '' for the root itself. */
export class NotJsonError extends ShiftworkError {
  readonly code = 'not-json';
  constructor(
    readonly path: string,
    readonly why: string,
  ) {
    super(`${path === '' ? 'The value' : `"${path}"`} ${why}.`, { path });
  }
}

/**
 * The JSON text of a value as PostgreSQL can store it.
 * Throws `NotJsonError` that names the path of what JSON would silently drop or change (functions, symbols, bigint,
 * NaN, Infinity, class instances without toJSON that are Map or Set, cycles, more than `MOST_LEVELS` levels) or that jsonb refuses (NUL, lone surrogates).
 * `undefined` properties are left out, as JSON.stringify does; a root of `undefined` is written as null.
 */
export function toJsonText(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  if (!isPlain(value, isStorable)) check(value, '', new Set());
  return JSON.stringify(value);
}

function isStorable(leaf: unknown): boolean {
  if (typeof leaf === 'string') return isStorableText(leaf);
  if (typeof leaf === 'number') return Number.isFinite(leaf);
  return typeof leaf === 'boolean' || leaf === undefined || leaf === null;
}

/** Deeper than this a value needs a careful look: it may refer back to itself. */
const MOST_PLAIN_LEVELS = 20;

/**
 * Whether a value is made of plain objects and arrays, and `isFine` with every key and leaf. The quick look before a careful
 * one, which nearly every value passes: it knows no paths and keeps no list of what it has seen.
 */
export function isPlain(value: unknown, isFine: (leaf: unknown) => boolean, level = 0): boolean {
  if (typeof value !== 'object' || value === null) return isFine(value);
  if (level === MOST_PLAIN_LEVELS) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, isFine, level + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const key in value) {
    const item = (value as Record<string, unknown>)[key]; // its own key
    if (!isFine(key) || !isPlain(item, isFine, level + 1)) return false;
  }
  return true;
}

/** The value with the keys of every object in order: two that are equal have the same JSON text. Dates stay as they are. */
export function inKeyOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inKeyOrder);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, inKeyOrder(item)]),
  );
}

/** UTF-8 bytes of a text. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Whether PostgreSQL takes the text: it refuses NUL in a text, and lone surrogates in jsonb. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

/** The text without what PostgreSQL refuses: NUL and lone surrogates become U+FFFD. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\uFFFD');
}

/** The text cut to at most `maxBytes` of UTF-8, never inside a character. */
export function truncateBytes(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || byteLength(text) <= maxBytes) return text;
  return Buffer.from(text, 'utf8')
    .subarray(0, maxBytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}

function check(value: unknown, path: string, above: Set<object>): void {
  switch (typeof value) {
    case 'undefined':
    case 'boolean':
      return;
    case 'string':
      checkText(value, path);
      return;
    case 'number':
      if (!Number.isFinite(value))
        throw new NotJsonError(path, `is ${String(value)}, which JSON has no word for`);
      return;
    case 'bigint':
      throw new NotJsonError(path, 'is a bigint; pass it as a string');
    case 'function':
    case 'symbol':
      throw new NotJsonError(path, `is a ${typeof value}, which JSON cannot hold`);
    case 'object':
      if (value !== null) checkObject(value, path, above);
  }
}

function checkText(text: string, path: string): void {
  if (text.includes('\u0000'))
    throw new NotJsonError(path, 'contains a NUL character, which PostgreSQL cannot store');
  if (!text.isWellFormed())
    throw new NotJsonError(path, 'contains half of a surrogate pair, which is no valid text');
}

/** Far beyond what anybody means, and not so deep that walking through it could end in a stack overflow. */
export const MOST_LEVELS = 500;

function checkObject(value: object, path: string, above: Set<object>): void {
  if (above.has(value)) throw new NotJsonError(path, 'refers back to itself');
  if (above.size === MOST_LEVELS)
    throw new NotJsonError(path, `is nested deeper than ${String(MOST_LEVELS)} levels`);
  if (hasToJson(value)) {
    check(value.toJSON(), path, above);
    return;
  }
  if (value instanceof Map || value instanceof Set) {
    throw new NotJsonError(
      path,
      `is a ${value.constructor.name}, which JSON would turn into {}; pass an array or an object`,
    );
  }
  above.add(value);
  for (const [key, item] of Object.entries(value)) {
    checkText(key, path);
    check(item, path === '' ? key : `${path}.${key}`, above);
  }
  above.delete(value);
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}
