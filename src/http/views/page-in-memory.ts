import { decodeCursor, encodeCursor, type Page } from '../../foundation/index.js';
import type { PageQuery } from '../reading/query-reader.js';

/** A page of a list that is small enough to be held in memory, sorted by `keyOf`. Throws `BadCursorError`. */
export function pageInMemory<T>(
  items: readonly T[],
  { limit, cursor }: PageQuery,
  keyOf: (item: T) => string,
): Page<T> {
  const after = cursor === null ? null : decodeCursor(cursor, 1, isText)[0];
  const sorted = [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const rest = typeof after === 'string' ? sorted.filter((item) => keyOf(item) > after) : sorted;
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page,
    nextCursor: rest.length > limit && last !== undefined ? encodeCursor([keyOf(last)]) : null,
  };
}

function isText(part: unknown): boolean {
  return typeof part === 'string';
}
