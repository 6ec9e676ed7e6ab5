/**
 * The text of a PostgreSQL array whose elements need no quotes: ids, claims, numbers. The driver quotes and escapes
 * each element, which for a batch of ids costs more than all else that is sent.
 */
export function bareArray(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}
