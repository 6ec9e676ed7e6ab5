/** A column: its heading, and how a row reads in it. */
export interface Column<T> {
  readonly heading: string;
  readonly of: (item: T) => string | number | null;
  readonly align?: 'left' | 'right';
}

/** Rows as aligned text with a heading line; an empty cell reads "-". Pure. */
export function tableOf<T>(columns: readonly Column<T>[], items: readonly T[]): string {
  const cells = [
    columns.map((column) => column.heading),
    ...items.map((item) => columns.map((column) => cellOf(column, item))),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells.map((row) => lineOf(row, widths, columns)).join('\n');
}

/** Names and values under each other, for one thing. Pure. */
export function cardOf(pairs: readonly (readonly [name: string, value: string | number | null])[]): string {
  const shown = pairs.filter(
    (pair): pair is readonly [string, string | number] => pair[1] !== null && pair[1] !== '',
  );
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(
      ([name, value]) =>
        `${name.padEnd(width)}  ${String(value).replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`,
    )
    .join('\n');
}

function cellOf<T>(column: Column<T>, item: T): string {
  const value = column.of(item);
  // A line break or another control character would tear the table, or drive the terminal.
  const text = value === null ? '' : String(value).replaceAll(/[\p{Cc}]+/gu, ' ');
  return text === '' ? '-' : text;
}

function lineOf<T>(row: readonly string[], widths: readonly number[], columns: readonly Column<T>[]): string {
  return row
    .map((text, i) =>
      columns[i]?.align === 'right' ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0),
    )
    .join('  ')
    .trimEnd();
}
