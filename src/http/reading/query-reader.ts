import { isStorableText } from '../../foundation/index.js';
import { type FieldFault, InvalidRequestError, UNSTORABLE } from '../errors/request-errors.js';

/** The query of a request, as the adapter hands it over. */
export type RawQuery = Readonly<Record<string, unknown>>;

export interface PageQuery {
  readonly limit: number;
  readonly cursor: string | null;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** Reads the query of a request: text only, every name known, every fault told at once. */
export class QueryReader {
  private readonly faults: FieldFault[] = [];

  constructor(
    private readonly query: RawQuery,
    known: readonly string[],
  ) {
    for (const name of Object.keys(query)) {
      if (!known.includes(name))
        this.fault(name, `is not known here; known are ${known.join(', ') || 'none'}`);
    }
  }

  text(name: string, max = 300): string | undefined {
    const value = this.query[name];
    if (value === undefined || value === '') return undefined;
    if (typeof value !== 'string' || value.length > max) {
      this.fault(name, `must be given once, with at most ${max} characters`);
      return undefined;
    }
    if (isStorableText(value)) return value;
    this.fault(name, UNSTORABLE);
    return undefined;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const found = allowed.find((each) => each === value);
    if (found === undefined) this.fault(name, `must be one of ${allowed.join(', ')}`);
    return found;
  }

  integer(name: string, min: number, max: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    this.fault(name, `must be a whole number from ${min} to ${max}`);
    return undefined;
  }

  page(): PageQuery {
    return {
      limit: this.integer('limit', 1, MAX_LIMIT) ?? DEFAULT_LIMIT,
      cursor: this.text('cursor', 2_000) ?? null,
    };
  }

  done(): void {
    if (this.faults.length > 0) throw new InvalidRequestError(this.faults);
  }

  private fault(name: string, message: string): void {
    this.faults.push({ path: name, message });
  }
}

/** The query of a list that knows nothing but `limit` and `cursor`. */
export function readPage(query: RawQuery): PageQuery {
  const reader = new QueryReader(query, PAGE_NAMES);
  const page = reader.page();
  reader.done();
  return page;
}

const PAGE_NAMES: readonly string[] = ['limit', 'cursor'];
