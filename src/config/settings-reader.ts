import type { Environment } from './environment.js';

/** Reads variables one by one and collects every fault, with an example of how to write it. An empty variable is one that is not set. */
export class SettingsReader {
  readonly faults: string[] = [];

  constructor(private readonly env: Environment) {}

  text(name: string): string | undefined {
    const value = this.env[name]?.trim();
    return value === '' ? undefined : value;
  }

  fault(name: string, what: string, example: string): void {
    this.faults.push(`${name} ${what}. Example: ${name}=${example}`);
  }

  number(name: string, fallback: number, range: { min: number; max: number; unit: string }): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= range.min && value <= range.max) return value;
    this.fault(
      name,
      `must be a whole number from ${String(range.min)} to ${String(range.max)} (${range.unit}), not "${text}"`,
      String(fallback),
    );
    return fallback;
  }

  flag(name: string): boolean {
    const text = this.text(name);
    if (text === undefined || text === '0' || text === 'false') return false;
    if (text !== '1' && text !== 'true') this.fault(name, `must be 1 or 0, not "${text}"`, '1');
    return true;
  }

  oneOf<T extends string>(name: string, fallback: T, allowed: readonly T[]): T {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const found = allowed.find((each) => each === text);
    if (found === undefined)
      this.fault(name, `must be one of ${allowed.join(', ')}, not "${text}"`, fallback);
    return found ?? fallback;
  }

  pattern(name: string, fallback: string, pattern: RegExp, expected: string, example: string): string {
    const text = this.text(name);
    if (text === undefined) return fallback;
    if (!pattern.test(text)) this.fault(name, `must be ${expected}, not "${text}"`, example);
    return text;
  }

  url(name: string, protocols: readonly string[], example: string): string {
    const url = this.optionalUrl(name, protocols, example);
    if (url === null && this.text(name) === undefined) this.fault(name, 'is missing', example);
    return url ?? '';
  }

  // A URL may hold a password, so the fault never repeats it.
  optionalUrl(name: string, protocols: readonly string[], example: string): string | null {
    const text = this.text(name);
    if (text === undefined) return null;
    const hidden = '(the value is not shown: it may hold a password)';
    if (!isUrl(text, protocols)) {
      const starts = protocols.map((each) => `${each}//`).join(' or ');
      this.fault(name, `must be a URL that starts with ${starts} ${hidden}`, example);
      return null;
    }
    if (isDecodable(text)) return text;
    this.fault(name, `must have each percent sign written as %25 ${hidden}`, example);
    return null;
  }
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  return /^[a-z]+:\/\//i.test(text) && URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
