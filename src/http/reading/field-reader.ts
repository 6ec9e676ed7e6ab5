import { instantOf, isStorableText } from '../../foundation/index.js';
import { type FieldFault, InvalidRequestError, UNSTORABLE } from '../errors/request-errors.js';

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  /** For the message: `ms`. */
  readonly unit?: string;
}

export interface TextRules {
  readonly max: number;
  readonly pattern?: RegExp;
  /** Completes "must be …". */
  readonly expected?: string;
}

/**
 * Reads one object of a request field by field and collects every fault with its path, so that a caller hears of all of
 * them at once. `null` reads as absent: our own answers write what is unknown as null, and may be sent back.
 */
export class FieldReader {
  private constructor(
    private readonly fields: Readonly<Record<string, unknown>>,
    private readonly path: string,
    readonly faults: FieldFault[],
  ) {}

  /** The body itself. Throws at once if it is no object; a body that was not sent reads as {}. */
  static body(body: unknown, known: readonly string[]): FieldReader {
    const value = body ?? {};
    if (!isObject(value)) throw new InvalidRequestError([{ path: '', message: 'must be a JSON object' }]);
    return new FieldReader(value, '', []).refuseUnknown(known);
  }

  /** An object inside of this one; undefined (and a fault, if it is something else) when there is none. */
  object(name: string, known: readonly string[]): FieldReader | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (isObject(value)) return new FieldReader(value, this.pathOf(name), this.faults).refuseUnknown(known);
    this.fault(name, 'must be an object');
    return undefined;
  }

  /** Whatever stands there, null included. */
  any(name: string): unknown {
    return this.fields[name];
  }

  has(name: string): boolean {
    return Object.hasOwn(this.fields, name);
  }

  text(name: string, rules: TextRules): string | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value === '' || value.length > rules.max) {
      this.fault(name, `must be text of 1 to ${rules.max} characters`);
      return undefined;
    }
    if (!isStorableText(value)) {
      this.fault(name, UNSTORABLE);
      return undefined;
    }
    if (rules.pattern?.test(value) === false) {
      this.fault(name, `must be ${rules.expected ?? 'valid'}`);
      return undefined;
    }
    return value;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const found = allowed.find((each) => each === value);
    if (found === undefined) this.fault(name, `must be one of ${allowed.join(', ')}`);
    return found;
  }

  integer(name: string, { min, max, unit }: IntegerRange): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    this.fault(name, `must be a whole number from ${min} to ${max}${unit === undefined ? '' : ` (${unit})`}`);
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === 'boolean') return value;
    this.fault(name, 'must be true or false');
    return undefined;
  }

  instant(name: string): Date | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const at = typeof value === 'string' ? instantOf(value) : null;
    if (at !== null) return at;
    this.fault(name, 'must be an instant such as 2026-11-21T08:00:00.000Z');
    return undefined;
  }

  list(name: string): readonly unknown[] | undefined {
    const value = this.raw(name);
    if (value === undefined || Array.isArray(value)) return value;
    this.fault(name, 'must be an array');
    return undefined;
  }

  fault(name: string, message: string): void {
    this.faults.push({ path: this.pathOf(name), message });
  }

  /** Throws `InvalidRequestError` with everything that was wrong, here and in the objects inside. */
  done(): void {
    if (this.faults.length > 0) throw new InvalidRequestError(this.faults);
  }

  private raw(name: string): unknown {
    return this.fields[name] ?? undefined;
  }

  private pathOf(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  private refuseUnknown(known: readonly string[]): this {
    for (const name of Object.keys(this.fields)) {
      if (!known.includes(name))
        this.fault(
          name,
          `is not known here; ${known.length === 0 ? 'send nothing' : `known are ${known.join(', ')}`}`,
        );
    }
    return this;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** exactOptionalPropertyTypes: an absent option is an absent property. */
export function withoutUndefined<T extends object>(fields: T): Defined<T> {
  // The entries are those of `fields`, less the undefined ones, which is what Defined<T> says.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** For a route that takes no body: whatever was sent is a fault. */
export function refuseBody(body: unknown): void {
  if (body === undefined || body === null) return;
  FieldReader.body(body, []).done();
}
