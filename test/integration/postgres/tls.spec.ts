import tlsOptions from 'smtp-server/lib/tls-options.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killLeftovers, startCli, startProgram } from '../../support/processes.js';
import {
  databaseUrl,
  type DedicatedServer,
  dedicatedPostgres,
  query,
  uniqueAppName,
} from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const appName = uniqueAppName();
let server: DedicatedServer;
beforeAll(async () => {
  server = await dedicatedPostgres();
  const { key, cert } = tlsOptions(); // signed by itself, for the mail servers of tests; both are texts
  await keep('server.key', key as string);
  await keep('server.crt', cert as string);
  await query('ALTER SYSTEM SET ssl = on', [], server.url);
  await query('SELECT pg_reload_conf()', [], server.url);
  await waitFor('TLS', async () => (await query('SHOW ssl', [], server.url))[0]?.['ssl'] === 'on');
});
afterAll(async () => {
  await killLeftovers();
  await server.dispose();
});

// Written by the server itself: it runs as another account when the tests run as root, and wants the key for itself.
async function keep(file: string, text: string): Promise<void> {
  const base64 = Buffer.from(text).toString('base64');
  await query(`COPY (SELECT '${base64}') TO PROGRAM 'umask 077; base64 -d > ${file}'`, [], server.url);
}

const FAULTS = [
  {
    what: 'does not speak TLS',
    env: () => ({ DATABASE_URL: databaseUrl(), DATABASE_TLS: 'accept' }),
    says: /PostgreSQL does not speak TLS.*DATABASE_TLS=off/,
  },
  {
    what: 'shows a certificate that nobody vouches for',
    env: () => ({ DATABASE_URL: server.url, DATABASE_TLS: 'verify' }),
    says: /The certificate of PostgreSQL is refused \(.*\).*sslrootcert.*DATABASE_TLS=accept/,
  },
];

describe('TLS that cannot be had from PostgreSQL is a fault of the settings', () => {
  it.each(FAULTS)('2 from the command line when it $what', async ({ env, says }) => {
    const ps = startCli(['ps'], { appName, env: { LOG_LEVEL: 'info', ...env() } });
    expect(await ps.waitForExit()).toEqual({ code: 2, signal: null });
    expect(ps.output).toMatch(says);
    expect(ps.output).not.toContain('    at ');
  });

  it.each(FAULTS)('2 from a worker when it $what, without a minute of waiting', async ({ env, says }) => {
    const worker = startProgram('test/support/test-app.js', ['worker'], { appName, env: env() });
    const { error, stack } = await worker.waitForEvent('process.bootFailed');
    expect(error).toMatch(says);
    expect(stack).toBe('');
    expect(await worker.waitForExit()).toEqual({ code: 2, signal: null });
  });
});
