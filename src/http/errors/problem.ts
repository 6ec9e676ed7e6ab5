import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { asError, ShiftworkError } from '../../foundation/index.js';
import type { FieldFault } from './request-errors.js';

export const PROBLEM_JSON = 'application/problem+json';

/** An error as people read it: RFC 9457, with our `code` and the faults of the request's fields. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors: readonly FieldFault[];
}

/** The only table from an error's code to a status. A code that is not here is a fault of ours: 500. */
const STATUS_OF: Readonly<Record<string, number>> = {
  'malformed-json': 400,
  'bad-cursor': 400,
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'unknown-job': 404,
  'unknown-queue': 404,
  'method-not-allowed': 405,
  'already-final': 409,
  'illegal-move': 409,
  'key-in-flight': 409,
  'not-safe': 409,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  invalid: 422,
  'idempotency-key-reused': 422,
  'backlog-full': 429,
  internal: 500,
  'ledger-unavailable': 503,
  'redis-unavailable': 503,
  'no-worker': 503,
  'workers-unknown': 503,
};

/** What a framework's own errors (no code of ours) are called, by their status. */
const CODE_OF: Readonly<Record<number, string>> = {
  400: 'bad-request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'payload-too-large',
  414: 'not-found', // nothing of ours has so long a name
  415: 'unsupported-media-type',
};

/** The problem that an error of ours or of the framework is told as. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof ShiftworkError && thrown.code in STATUS_OF) {
    return problem(thrown.code, thrown.message, faultsOf(thrown));
  }
  const status = frameworkStatus(thrown);
  if (status !== null) return problem(CODE_OF[status] ?? 'bad-request', asError(thrown).message);
  return problem('internal', 'Something went wrong on our side; the log of this process says what.');
}

/** Seconds after which it is worth trying again; null: trying again is not what helps. */
export function retryAfterSeconds(thrown: unknown, status: number): number | null {
  const ms: unknown =
    thrown instanceof ShiftworkError && 'retryAfterMs' in thrown ? thrown.retryAfterMs : undefined;
  if (typeof ms === 'number') return Math.max(1, Math.ceil(ms / 1_000));
  return status === 429 || status === 503 ? 1 : null;
}

function problem(code: string, detail: string, errors: readonly FieldFault[] = []): Problem {
  const status = STATUS_OF[code] ?? 500;
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, code, errors };
}

// The rooms below carry their faults in the details.
function faultsOf(error: ShiftworkError): readonly FieldFault[] {
  const { errors } = error.details;
  return Array.isArray(errors) ? errors.filter(isFault).map(({ path, message }) => ({ path, message })) : [];
}

function isFault(value: unknown): value is FieldFault {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}

// Nest's errors know their status, Fastify's and Express's carry it. Only 4xx: a 5xx is ours to look into.
function frameworkStatus(thrown: unknown): number | null {
  if (typeof thrown !== 'object' || thrown === null) return null;
  const carried = 'statusCode' in thrown ? thrown.statusCode : null;
  const status = thrown instanceof HttpException ? thrown.getStatus() : carried;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}
