import type { FieldReader } from './field-reader.js';

const NEEDED = 'is needed: name what is meant, or say {"all": true}';

/**
 * The `filter` of a request that is about many: parts, or `{all: true}` and nothing else. A filter that says nothing is a
 * fault, because it would mean everything. `read` reads the parts, whose names are `known`.
 */
export function readBulkFilter<T extends object>(
  body: FieldReader,
  known: readonly string[],
  read: (filter: FieldReader) => T,
): Partial<T> {
  const filter = body.object('filter', [...known, 'all']);
  if (filter === undefined) {
    if (body.any('filter') == null) body.fault('filter', NEEDED);
    return {};
  }
  const parts = read(filter);
  checkWidth(body, filter, Object.keys(parts).length);
  return parts;
}

function checkWidth(body: FieldReader, filter: FieldReader, parts: number): void {
  const all = filter.flag('all');
  if (parts === 0 && all !== true && body.faults.length === 0) body.fault('filter', NEEDED);
  if (parts > 0 && all === true) filter.fault('all', 'cannot stand beside other parts of a filter');
}
