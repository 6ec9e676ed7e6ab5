import { afterEach, describe, expect, it } from 'vitest';
import { ThisProcess } from '../../../src/fleet/index.js';
import { Postgres } from '../../../src/postgres/index.js';
import { RedisClients } from '../../../src/redis/index.js';
import { Rescuer } from '../../../src/tasks/rescuer.js';
import { dedicatedRedis, type DedicatedServer } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';
import { gateOf, Web } from '../http/web.fixture.js';

let web: Web | undefined;
let redis: DedicatedServer | undefined;
afterEach(async () => {
  await web?.stop();
  await redis?.dispose();
});

describe('a worker that others take for dead', () => {
  // Proven: with whoever is on the roll as the only living ones, it rescues itself and its neighbours, and starts nothing ever after.
  it('is not so because Redis was wiped, whoever looks before it has beaten again', async () => {
    redis = await dedicatedRedis();
    web = await Web.start(['web', 'worker'], { REDIS_URL: redis.url });
    const { app } = web;
    const gate = gateOf('running through a wipe');
    const id = await web.enqueue('test.steps', { name: 'running through a wipe' });
    await waitFor('it to run', async () => (await web?.get(`/tasks/${id}`))?.body.status === 'STARTED');

    const postgres = app.get(Postgres, { strict: false });
    await postgres.query({ text: `UPDATE shiftwork.process SET booted_at = now() - interval '1 hour'` }); // it is no newcomer
    await app.get(RedisClients, { strict: false }).command.flushall();
    await app.get(Rescuer, { strict: false }).sweep();
    gate.half.resolve();
    gate.end.resolve();
    expect(await web.ended(id)).toMatchObject({ status: 'FINISHED', executions: [{ outcome: 'finished' }] });
    expect(web.events.filter(({ name }) => name === 'process.died')).toEqual([]);
  });

  // Proven: without `lookForOurselves` the task is refused again and again, and nobody ever says why.
  it('finds out when a start is refused, takes a new identity and goes on', async () => {
    web = await Web.start(['web', 'worker']);
    const [postgres, self] = [
      web.app.get(Postgres, { strict: false }),
      web.app.get(ThisProcess, { strict: false }),
    ];
    const { id: old } = self;
    await postgres.query({ text: 'UPDATE shiftwork.process SET gone_at = now(), resolved_at = now()' });
    const task = await web.enqueue('test.echo', { text: 'once more' });
    expect(await web.ended(task)).toMatchObject({ status: 'FINISHED' });
    expect(self.id).not.toBe(old);
  });
});
