/** One thing that `shiftwork doctor` looked at. */
export interface Check {
  /** Kebab-case, stable: `postgres-migrations`. */
  readonly name: string;
  readonly ok: boolean;
  /** What was found, for people. */
  readonly message: string;
  /** What to do about it; null when there is nothing to do. */
  readonly remedy: string | null;
}

/** A check: `remedy` is said only when it is needed. */
export function check(name: string, ok: boolean, message: string, remedy: string): Check {
  return { name, ok, message, remedy: ok ? null : remedy };
}
