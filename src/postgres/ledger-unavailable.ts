import { asError, UnavailableError } from '../foundation/index.js';

/** PostgreSQL is away, or did not answer in time. What was asked is not known to have happened. */
export class LedgerUnavailableError extends UnavailableError {
  readonly code = 'ledger-unavailable';
  constructor(cause: unknown) {
    // The code only: the cause's text names the server's address, which is nobody's business who asks by REST.
    super(
      `PostgreSQL cannot be reached or did not answer in time (${sqlState(cause) ?? 'no answer'}). Try again in a moment.`,
      {},
      { cause },
    );
  }
}

// SQLSTATE classes and codes that speak of the server, not of the statement: connection faults (08), resources (53),
// shutdowns (57P01-57P03), idle-in-transaction and statement timeouts, and a standby that the connection was left on (25006).
const SERVER_STATES = /^(08...|53...|57P0[1-5]|57014|25P03|25006)$/;
const SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
// What pg throws without a code when a connection breaks or cannot be had in time.
const PG_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|Connection ended|not queryable|timeout expired/i;

/** Whether an error means that PostgreSQL is away rather than that the statement is wrong. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof LedgerUnavailableError) return true;
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  if (!(error instanceof Error)) return false;
  if (isStartupRefused(error)) return false;
  const code = sqlState(error);
  if (code !== undefined) return SERVER_STATES.test(code) || SOCKET_CODES.has(code);
  return PG_MESSAGES.test(error.message);
}

/** Whether a PgBouncer refused a parameter with which a connection of ours begins; its SQLSTATE is one of broken connections. */
export function isStartupRefused(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('unsupported startup parameter');
}

/** The SQLSTATE or socket code of an error, also when TypeORM wrapped it. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if ('driverError' in error) return sqlState(error.driverError);
  return undefined;
}

/** Whether a statement was given up because somebody kept a row locked: lock_timeout, or a deadlock. */
export function isLocked(error: unknown): boolean {
  return /^(55P03|40P01)$/.test(sqlState(error) ?? '');
}

/** The error as the rooms above should see it. */
export function asLedgerError(error: unknown): Error {
  if (isUnavailable(error))
    return error instanceof LedgerUnavailableError ? error : new LedgerUnavailableError(error);
  return asError(error);
}
