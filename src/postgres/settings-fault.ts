import { SettingsError } from '../config/index.js';
import { messageOf } from '../foundation/index.js';
import { isStartupRefused, sqlState } from './ledger-unavailable.js';

// PostgreSQL lets nobody in with this role or password, or has no such database.
const REFUSED = /^(28...|3D000)$/;
// What Node's TLS and OpenSSL say of certificates and keys.
const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$)/;
// pg throws it without a code.
const NO_TLS = /does not support SSL/;

/** The fault of DATABASE_URL or DATABASE_TLS that an error speaks of: waiting for the server would not help. */
export function settingsFault(error: unknown): SettingsError | undefined {
  const [code, message] = [sqlState(error) ?? '', messageOf(error)];
  if (REFUSED.test(code)) return new SettingsError([`DATABASE_URL is refused by PostgreSQL: ${message}`]);
  if (NO_TLS.test(message))
    return new SettingsError([
      'PostgreSQL does not speak TLS, and DATABASE_TLS, or sslmode in DATABASE_URL, asks for it. Example: DATABASE_TLS=off',
    ]);
  if (isStartupRefused(error))
    return new SettingsError([
      `PgBouncer refuses our connections (${message}). Set in its file: ignore_startup_parameters = statement_timeout, idle_in_transaction_session_timeout`,
    ]);
  if (TLS_CODES.test(code))
    return new SettingsError([
      `The certificate of PostgreSQL is refused (${message}). Name its CA in DATABASE_URL with ?sslrootcert=FILE, or accept every certificate. Example: DATABASE_TLS=accept`,
    ]);
  return undefined;
}
