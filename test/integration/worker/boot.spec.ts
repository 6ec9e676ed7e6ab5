import { afterAll, expect, it } from 'vitest';
import { createWebApp } from '../../../src/app/web.js';
import { RedisClients } from '../../../src/redis/index.js';
import { Tasks } from '../../../src/tasks/index.js';
import { Worker } from '../../../src/worker/index.js';
import { Web } from '../http/web.fixture.js';

let web: Web | undefined;
afterAll(() => web?.stop());

// Proven: while the lanes were opened after the subscription, the worker ran the task for all its orders.
it('a worker that is told to go quiet while it boots fetches nothing until it may', async () => {
  let id = '';
  web = await Web.start(
    ['web', 'worker'],
    {},
    {
      create: async (shiftwork) => {
        const app = await createWebApp(shiftwork, false);
        const { subscriber } = app.get(RedisClients, { strict: false });
        const subscribe = subscriber.subscribe.bind(subscriber);
        subscriber.subscribe = async (channel, ...rest) => {
          if (channel.endsWith(':cancel')) {
            await app.get(Worker, { strict: false }).quiet();
            id = (await app.get(Tasks, { strict: false }).enqueue('test.echo', { text: 'early' })).id;
          }
          return subscribe(channel, ...rest);
        };
        return app;
      },
    },
  );
  const worker = web.app.get(Worker, { strict: false });
  await worker.untilIdle();
  expect((await web.get(`/tasks/${id}`)).body.status).toBe('QUEUED');
  await worker.resume();
  expect((await web.ended(id)).status).toBe('FINISHED');
});
