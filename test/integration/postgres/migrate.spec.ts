import { expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/index.js';
import { migrate, pendingMigrations } from '../../../src/postgres/index.js';
import { environmentOf, query, uniqueAppName } from '../../support/servers.js';

// Proven: CREATE SCHEMA IF NOT EXISTS is refused to it ("permission denied for database"), though there is nothing to create.
it('migrates a schema that was made for a role which may not create any', async () => {
  const appName = uniqueAppName();
  await query(`CREATE ROLE "${appName}" LOGIN; CREATE SCHEMA "${appName}" AUTHORIZATION "${appName}"`);
  const environment = environmentOf(appName);
  const url = new URL(environment['DATABASE_URL'] ?? '');
  url.username = appName;
  const { settings } = loadSettings({ ...environment, DATABASE_URL: url.href }, []);
  expect(await migrate(settings)).toContain('0001-core');
  expect(await pendingMigrations(settings)).toEqual([]);
  await query(`DROP OWNED BY "${appName}"; DROP ROLE "${appName}"`);
});
