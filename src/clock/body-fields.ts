/** Notes a fault of a body. */
export type Fault = (path: string, message: string) => void;
export type Given = Readonly<Record<string, unknown>>;

export function whole(
  value: unknown,
  path: string,
  range: { least: number; most: number },
  fallback: number,
  fault: Fault,
): number {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= range.least && value <= range.most)
    return value;
  const unit = path === 'misfireLimit' ? '' : ' of milliseconds';
  fault(path, `must be a whole number${unit} from ${String(range.least)} to ${String(range.most)}`);
  return fallback;
}

export function oneOf<T extends string>(
  value: unknown,
  path: string,
  allowed: readonly T[],
  fallback: T,
  fault: Fault,
): T {
  if (value === undefined || value === null) return fallback;
  const found = allowed.find((each) => each === value);
  if (found === undefined) fault(path, `must be one of ${allowed.join(', ')}`);
  return found ?? fallback;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
