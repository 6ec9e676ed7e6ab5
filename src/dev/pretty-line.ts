/** Fields that say the same in every line of a role, or that are placed by hand. */
const SPECIAL = new Set(['level', 'time', 'role', 'process', 'release', 'event', 'msg', 'context', 'stack']);

/** One JSON line of the log as a person wants to read it; any other line as it is. */
export function prettyLine(line: string): string {
  const entry = parse(line);
  if (entry === undefined) return line;
  const head = [
    clock(entry.time),
    text(entry.level).padEnd(5),
    text(entry.event ?? entry.context),
    text(entry.msg),
  ];
  const fields = Object.entries(entry).filter(([name]) => !SPECIAL.has(name));
  const tail = fields.map(([name, value]) => `${name}=${text(value)}`);
  const stack = entry.stack === undefined ? '' : `\n${text(entry.stack)}`;
  return [...head, ...tail].filter((part) => part !== '').join(' ') + stack;
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry = JSON.parse(line) as Record<string, unknown>; // it begins with a brace
    return 'level' in entry ? entry : undefined;
  } catch {
    return undefined; // it only looked like JSON
  }
}

function clock(time: unknown): string {
  return typeof time === 'string' ? time.slice(11, 23) : '';
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
