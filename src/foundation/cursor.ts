import { RequestError } from './errors.js';
import { isStorableText } from './json.js';

/** A page of a list; `nextCursor` asks for the page after it, null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** The cursor was not made by us, or for another list. */
export class BadCursorError extends RequestError {
  readonly code = 'bad-cursor';
  constructor() {
    super(
      'The cursor is not one of ours. Pass the nextCursor of the page before, unchanged, or leave it out to start over.',
    );
  }
}

/** An opaque cursor from the position it stands for. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position), 'utf8').toString('base64url');
}

/** The position behind a cursor, of exactly `length` parts that `isPart` accepts. Throws `BadCursorError`. */
export function decodeCursor(
  cursor: string,
  length: number,
  isPart: (part: unknown, index: number) => boolean,
): (string | number)[] {
  const position = parse(cursor);
  if (!Array.isArray(position) || position.length !== length || !position.every(isPart))
    throw new BadCursorError();
  if (!position.every(isSound)) throw new BadCursorError();
  return position;
}

// A text that cannot be stored was in no list.
function isSound(part: unknown): part is string | number {
  return typeof part === 'number' || (typeof part === 'string' && isStorableText(part));
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new BadCursorError();
  }
}

/** `limit + 1` rows fetched, `limit` shown: the one too many says that there is a next page. */
export function pageOf<T, R>(
  rows: readonly R[],
  limit: number,
  item: (row: R) => T,
  position: (row: R) => readonly (string | number)[],
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(item),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(position(last)) : null,
  };
}
