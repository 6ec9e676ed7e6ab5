import { afterEach, describe, expect, it } from 'vitest';
import { Executions } from '../../../src/ledger/index.js';
import { RedisClients } from '../../../src/redis/index.js';
import { deferred } from '../../../src/foundation/index.js';
import { Web } from '../http/web.fixture.js';

let web: Web | undefined;
afterEach(() => web?.stop());

describe('a cancel that comes between the start of a task and its run', () => {
  // Proven: without `saidEarly` it runs on, and ends FINISHED, as long as it likes.
  it('reaches the run', async () => {
    web = await Web.start(['web', 'worker']);
    const { app } = web;
    const { subscriber, keys } = app.get(RedisClients, { strict: false });
    const heard = deferred();
    await subscriber.subscribe(keys.channel('cancel'), () => {
      heard.resolve(); // after the worker, which subscribed before
    });
    const executions = app.get(Executions, { strict: false });
    const start = executions.start.bind(executions);
    const [started, goOn] = [deferred(), deferred()];
    executions.start = async (...asked) => {
      const answers = await start(...asked);
      started.resolve();
      await goOn.promise;
      return answers;
    };

    const id = await web.enqueue('test.steps', { name: 'cancelled early' });
    await started.promise;
    const { status, body } = await web.post(`/tasks/${id}/cancel`);
    expect([status, body.status]).toEqual([202, 'STARTED']);
    await heard.promise;
    goOn.resolve();
    expect(await web.ended(id)).toMatchObject({
      status: 'CANCELLED',
      executions: [{ outcome: 'cancelled' }],
    });
  });
});
