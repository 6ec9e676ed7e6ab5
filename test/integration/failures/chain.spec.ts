import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Failure, FailureHandler, type FailureLink } from '../../../src/failures/index.js';
import { openWorld, type World } from '../../support/failures.js';
import { waitFor } from '../../support/wait.js';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(async () => {
  await world.close();
});

/** What the links of a test saw, in order. */
let seen: string[] = [];
beforeEach(() => {
  seen = [];
});

@FailureHandler({ order: 1 })
class Tells implements FailureLink {
  handle(failure: Failure): void {
    seen.push(`Tells ${failure.task}`);
  }
}

@FailureHandler({ order: 2 })
class StopsBadRequests implements FailureLink {
  async handle(failure: Failure): Promise<boolean> {
    seen.push(`Stops ${failure.task}`);
    return failure.error.message !== 'bad request';
  }
}

@FailureHandler({ order: 3 })
class ComesLast implements FailureLink {
  handle(failure: Failure): void {
    seen.push(`Last ${failure.task}`);
  }
}

@FailureHandler({ order: -1 })
class Throws implements FailureLink {
  handle(): never {
    throw new Error('the handler is broken');
  }
}

@FailureHandler({ order: -2 })
class Hangs implements FailureLink {
  handle(): Promise<void> {
    return new Promise(() => undefined);
  }
}

describe('the failure chain', () => {
  it('writes one FailedTask per failure, however many processes record at once', async () => {
    const tasks = await world.fail(450);
    const processes = await Promise.all([world.join(), world.join(), world.join()]);
    await Promise.all(processes.map((process) => process.handleAll()));
    const rows = await world.failedTasks();
    expect(rows.map((row) => row.task).sort()).toEqual(tasks.sort());
    expect(new Set(rows.map((row) => row.fingerprint)).size).toBe(1);
    expect(await world.pendingCount()).toBe(0);
  });

  it('runs the handlers in their order, and one that answers false stops the rest', async () => {
    const [good] = await world.fail(1);
    const { handleAll } = await world.join({ links: [ComesLast, StopsBadRequests, Tells] });
    await handleAll();
    expect(seen).toEqual([`Tells ${String(good)}`, `Stops ${String(good)}`, `Last ${String(good)}`]);
    seen = [];
    const [bad] = await world.fail(1, { error: { message: 'bad request' } });
    await handleAll();
    expect(seen).toEqual([`Tells ${String(bad)}`, `Stops ${String(bad)}`]);
    expect((await world.failedTasks()).map((row) => row.handled_by)).toEqual([null, 'StopsBadRequests']);
    expect(await world.pendingCount()).toBe(0);
  });

  it('goes on when a handler throws, and says so', async () => {
    const [task] = await world.fail(1);
    const { handleAll, events } = await world.join({ links: [Throws, Tells] });
    await handleAll();
    expect(seen).toEqual([`Tells ${String(task)}`]);
    expect(events.find(({ name }) => name === 'failureHandler.failed')?.fields).toMatchObject({
      handler: 'Throws',
      error: 'the handler is broken',
    });
    expect(await world.pendingCount()).toBe(0);
  });

  it('records at once while a handler hangs, and gives its claims back when the process must go', async () => {
    await world.fail(1);
    const hanging = await world.join({ links: [Hangs, Tells] });
    const stop = new AbortController();
    const handling = hanging.handleAll(stop.signal);
    await waitFor('the FailedTask', async () => (await world.failedTasks()).length === 1);
    stop.abort();
    await handling;
    expect(seen).toEqual([]);
    expect(
      await world.postgres.query({ text: 'SELECT claimed_by, claims FROM shiftwork.pending_failure' }),
    ).toEqual([{ claimed_by: null, claims: 0 }]);
    // Another process, which does not hang, brings it to the end.
    await (await world.join({ links: [Tells] })).handleAll();
    expect(seen).toHaveLength(1);
    expect(await world.pendingCount()).toBe(0);
  });

  // Proven: without `claimed.claims >= LEFT_OUT_FROM_CLAIM` in run-links.ts the third process dies, too.
  it('leaves out the handlers that ended two processes over a failure, from the third time on', async () => {
    const [task] = await world.fail(1);
    for (const [i] of [1, 2].entries()) {
      const victim = await world.join({ links: [Tells] });
      await victim.chain.record(true, new AbortController().signal);
      // It claims, and is killed before its handlers come to an end.
      expect(await world.claimAs(victim, i === 0 ? 'fresh' : 'suspect')).toEqual([task]);
      await victim.die();
    }
    const third = await world.join({ links: [Tells] });
    await third.handleAll();
    expect(seen).toEqual([]);
    expect(third.events.map(({ name }) => name)).toContain('failureHandler.leftOut');
    expect(await world.pendingCount()).toBe(0);
    expect(await world.failedTasks()).toHaveLength(1);
  });

  // Proven: with `CLAIMABLE` always true in pending-failures.ts the second process runs the links beside the first.
  it('leaves a failure to the process that has claimed it, until that one is gone', async () => {
    const [task] = await world.fail(1);
    const first = await world.join({ links: [Tells] });
    await first.chain.record(true, new AbortController().signal);
    expect(await world.claimAs(first, 'fresh')).toEqual([task]);
    const second = await world.join({ links: [Tells] });
    await second.handleAll();
    expect(seen).toEqual([]);
    await first.die();
    await second.handleAll();
    expect(seen).toEqual([`Tells ${String(task)}`]);
  });

  it('shows a handler only the failures of the jobs that it asked for; the others are done with their record', async () => {
    @FailureHandler({ jobs: ['webhook.deliver'] })
    class Webhooks implements FailureLink {
      handle(failure: Failure): void {
        seen.push(failure.job);
      }
    }
    await Promise.all([world.fail(3, { job: 'webhook.deliver' }), world.fail(3, { job: 'mail.send' })]);
    const worker = await world.join({ links: [Webhooks] });
    expect(await worker.chain.record(false, new AbortController().signal)).toEqual({
      recorded: 6,
      waiting: 3,
    });
    expect(await world.pendingCount()).toBe(3);
    await worker.handleAll();
    expect(seen).toEqual(['webhook.deliver', 'webhook.deliver', 'webhook.deliver']);
    expect(await world.pendingCount()).toBe(0);
  });

  it('hands a handler the payload without its secrets', async () => {
    let payload: unknown;
    @FailureHandler()
    class Looks implements FailureLink {
      handle(failure: Failure): void {
        payload = failure.payload;
      }
    }
    await world.definitions.save([
      {
        name: 'webhook',
        queue: 'default',
        payloadSchema: {},
        secretPaths: ['token'],
        attempts: 3,
        backoff: { type: 'fixed', delay: 1 },
        timeoutMs: null,
        onWorkerLost: 'rerun',
      },
    ]);
    await world.fail(1, { job: 'webhook', payload: { url: 'https://x', token: 'geheim-1' } });
    await (await world.join({ links: [Looks] })).handleAll();
    expect(payload).toEqual({ url: 'https://x', token: '[secret]' });
  });
});
