import { afterEach, describe, expect, it } from 'vitest';
import { dedicatedPostgres, type DedicatedServer } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';
import { World } from '../../support/world.js';

const CRASHES = 10;
const CHUNKS = 10;
const CHUNK = 1_000;

let server: DedicatedServer;
let world: World;
afterEach(async () => {
  await world.end();
  await server.dispose();
});

describe('PostgreSQL crashes at random moments while short tasks are worked off', () => {
  it('ten times: what was answered with 202 is there, all of it FINISHED, and nothing is charged', async () => {
    server = await dedicatedPostgres({ wal_writer_delay: '10s' }); // its own writer helps nobody
    world = new World({ QUEUES: 'default:50', LOG_LEVEL: 'debug', DATABASE_URL: server.url });
    await world.web();
    const workers = [await world.role('worker'), await world.role('worker')];
    const accepted: string[] = [];
    let met = 0;
    for (let crash = 0; crash < CRASHES; crash++) {
      const fatal = Math.floor(Math.random() * CHUNKS);
      for (let chunk = 0; chunk < CHUNKS; chunk++) {
        const accepting = world.request<{ ids: string[] }>('POST', '/jobs/test.noop/bulk', {
          payloads: Array.from({ length: CHUNK }, () => ({})),
        });
        if (chunk === fatal) {
          const [busy] = await world.rows<{ n: number }>('SELECT count(*)::int AS n FROM app.live');
          met += busy?.n ?? 0;
          await server.kill('SIGKILL');
          await server.restart();
        }
        const { status, body } = await accepting;
        if (status === 202) accepted.push(...body.ids); // else nobody was told anything
      }
      await waitFor(
        'the ledger to be back',
        async () => (await world.request('GET', '/health/ready')).status === 200,
      );
    }
    const statuses = await world.allEnded(600_000);
    const known = await world.rows<{ id: string }>('SELECT id FROM app.ended');
    const charged = await world.rows(
      'SELECT id FROM app.task_now WHERE crashes > 0 OR interruptions > 0 OR attempts_made > 0',
    );
    const lines = workers.flatMap((worker) => worker.lines);
    const runAgain = lines.filter(({ event }) => event === 'task.claimLost').length;
    process.stdout.write(
      `${JSON.stringify({ accepted: accepted.length, met, statuses, runAgain, charged: charged.length })}\n`,
    );
    const ids = new Set(known.map(({ id }) => id));
    expect(accepted.filter((id) => !ids.has(id))).toEqual([]);
    expect(Object.keys(statuses)).toEqual(['FINISHED']);
    expect(accepted.length).toBeGreaterThan(CRASHES * CHUNK);
    expect(charged).toEqual([]);
    expect(met).toBeGreaterThan(0); // else the crashes met idle workers
  });
});
