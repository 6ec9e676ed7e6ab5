import { MOST_FAULTS, RequestError } from '../../foundation/index.js';

/** One fault of a request. `path` is dotted from the body root (`options.delay`), '' for the whole body. */
export interface FieldFault {
  readonly path: string;
  readonly message: string;
}

/** What a text is refused for that PostgreSQL would not take. */
export const UNSTORABLE = 'must hold no NUL character, nor half of a surrogate pair';

/** The request was understood and is wrong: every fault with its path, up to `MOST_FAULTS`. */
export class InvalidRequestError extends RequestError {
  readonly code = 'invalid';
  readonly errors: readonly FieldFault[];

  constructor(faults: readonly FieldFault[]) {
    const errors = faults.slice(0, MOST_FAULTS);
    super(
      errors.map((fault) => `${fault.path === '' ? 'The body' : fault.path} ${fault.message}`).join('; '),
      { errors },
    );
    this.errors = errors;
  }
}

/** There is nothing of this name here. */
export class NotFoundError extends RequestError {
  readonly code = 'not-found';

  constructor(what: string) {
    super(`There is no ${what}.`);
  }
}

/** The path exists, this verb on it does not. */
export class MethodNotAllowedError extends RequestError {
  readonly code = 'method-not-allowed';

  constructor(
    method: string,
    readonly allowed: readonly string[],
  ) {
    super(`${method} is not possible here; ${allowed.join(', ')} ${allowed.length === 1 ? 'is' : 'are'}.`);
  }
}

export class UnauthorizedError extends RequestError {
  readonly code = 'unauthorized';

  constructor() {
    super('Send a token of SHIFTWORK_TOKENS: "Authorization: Bearer TOKEN".');
  }
}

export class ForbiddenError extends RequestError {
  readonly code = 'forbidden';

  constructor(role: string) {
    super(`A ${role} token may not do this.`);
  }
}

/** Without tokens everybody is an admin, so only this machine is let in. */
export class LoopbackOnlyError extends RequestError {
  readonly code = 'forbidden';

  constructor() {
    super(
      "Without tokens only this machine is answered: over loopback, asked for as localhost or 127.0.0.1, and to no page of another site. Set SHIFTWORK_TOKENS=admin:A-LONG-SECRET and send it, or leave REST to your own guards: forRoot({ http: { auth: 'host' } }).",
    );
  }
}

export class MalformedJsonError extends RequestError {
  readonly code = 'malformed-json';

  constructor(why: string, options?: ErrorOptions) {
    super(`The body is not JSON: ${why}`, {}, options);
  }
}

export class UnsupportedMediaTypeError extends RequestError {
  readonly code = 'unsupported-media-type';

  constructor() {
    super('Send the body as JSON, with "Content-Type: application/json".');
  }
}

export class BodyTooLargeError extends RequestError {
  readonly code = 'payload-too-large';

  constructor(what: string, maxBytes: number) {
    super(`${what} is larger than ${maxBytes} bytes. Store the data elsewhere and pass a reference to it.`);
  }
}
