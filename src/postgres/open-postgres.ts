import { MINUTE, SECOND, monotonicMs, pause, messageOf } from '../foundation/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { asLedgerError, isUnavailable } from './ledger-unavailable.js';
import type { Postgres } from './postgres.js';
import { settingsFault } from './settings-fault.js';

/**
 * Does `work`, and while PostgreSQL is away does it again each second, for a minute at most (a database that is being
 * maintained must not turn a restart into a crash loop); then throws `LedgerUnavailableError`. Throws `SettingsError` at once when
 * waiting does not help.
 */
export async function ridingOut<T>(telemetry: Telemetry, work: () => Promise<T>): Promise<T> {
  const until = monotonicMs() + MINUTE;
  for (let told = false; ; told = true) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error) || monotonicMs() > until) throw settingsFault(error) ?? asLedgerError(error);
      if (!told) telemetry.emit('postgres.unavailable', { error: messageOf(error) });
      await pause(SECOND);
    }
  }
}

/** Opens the data source; rides out an absent server for a minute. */
export async function openPostgres(postgres: Postgres, telemetry: Telemetry): Promise<void> {
  await ridingOut(telemetry, async () => {
    if (!postgres.dataSource.isInitialized) await postgres.dataSource.initialize();
  });
}
