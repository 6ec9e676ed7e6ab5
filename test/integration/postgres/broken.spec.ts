import { expect, it } from 'vitest';
import { openLedger } from '../../support/ledger.js';

// It may be the only one that a process has, and a start that PostgreSQL has lost with it must be told to its run.
it('a connection that breaks under statements that belong together is told of', async () => {
  const { postgres, close } = await openLedger();
  let told = 0;
  postgres.onBroken(() => told++);
  const asked = postgres.withClient((client) =>
    client.query('SELECT pg_terminate_backend(pg_backend_pid())'),
  );
  await expect(asked).rejects.toMatchObject({ code: 'ledger-unavailable' });
  expect(told).toBe(1);
  await close();
});
