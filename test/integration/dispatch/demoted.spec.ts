import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DispatchWorld, entry, openDispatch, QUEUE } from '../../support/dispatch.js';
import { openMember } from '../../support/fleet.js';
import { Proxy } from '../../support/proxy.js';
import { type DedicatedServer, dedicatedRedis, dropSchema, uniqueAppName } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

let old: DedicatedServer;
let next: DedicatedServer;
let proxy: Proxy;
let direct: Redis;
beforeEach(async () => {
  [old, next] = await Promise.all([dedicatedRedis(), dedicatedRedis()]);
  proxy = await Proxy.to(old.url);
  direct = new Redis(old.url);
});
afterEach(async () => {
  direct.disconnect();
  await proxy.close();
  await Promise.all([old.dispose(), next.dispose()]);
});

/** The master becomes a replica behind connections that stay open. */
async function demote(): Promise<void> {
  const { hostname, port } = new URL(next.url);
  await direct.replicaof(hostname, Number(port));
}

/** What the old master says of the connection on which a worker waits to be woken. */
async function lineOf(): Promise<{ id: string; isWaiting: boolean } | undefined> {
  const lines = String(await direct.client('LIST')).split('\n');
  const line = lines.find((each) => each.includes(':blocking'));
  return line === undefined
    ? undefined
    : { id: line.split(' ')[0] ?? '', isWaiting: line.includes('cmd=blpop') };
}

async function works(world: DispatchWorld): Promise<boolean> {
  await world.dispatcher.put([entry()]);
  return true;
}

describe('a fail-over that leaves the connections open', () => {
  // Proven: without `reconnectOnError` every put is refused for ever: nothing ever connects anew.
  it('does not leave a process with a master that is one no more', async () => {
    const world = await openDispatch({ REDIS_URL: proxy.url });
    await works(world);
    await demote();
    proxy.leadTo(next.url);
    await waitFor('a put', () => works(world), { deadlineMs: 10_000 });
    await world.close();
  });

  // Proven: without `reconnectOnError` for blocking reads the line asks the old one for ever, and nobody is woken.
  it('does not leave a wake line there either', async () => {
    const world = await openDispatch({ REDIS_URL: proxy.url });
    const started: string[] = [];
    const consumer = world.process().consumers.open({ queues: [QUEUE], slots: 1 }, (deliveries) => {
      started.push(...deliveries.map((each) => each.taskId));
      return Promise.resolve(deliveries.map(() => ({ kind: 'settled' })));
    });
    consumer.start();
    const { id } = await waitFor('the line', async () => {
      const line = await lineOf();
      return line?.isWaiting === true && line;
    });
    await demote(); // Redis cuts off who waits
    await waitFor('the next line, to the old one', async () => ((await lineOf())?.id ?? id) !== id);
    const target = new Redis(next.url);
    await target.hset(world.key('meta'), 'shiftwork', '1');
    proxy.leadTo(next.url);
    await waitFor('a put', () => works(world), { deadlineMs: 10_000 });
    await waitFor('a run', () => started.length > 0);
    await waitFor('the line to wait', async () => /cmd=blpop/.test(String(await target.client('LIST'))), {
      deadlineMs: 10_000,
    });
    const woken = entry();
    await world.dispatcher.put([woken]);
    await waitFor('the run', () => started.includes(woken.id), { deadlineMs: 5_000 });
    target.disconnect();
    await consumer.stop();
    await world.close();
  });

  // Proven: without the count of our own five connections are made in less than a second.
  it('does not connect at full speed to a server that stays read-only', async () => {
    const world = await openDispatch({ REDIS_URL: proxy.url });
    const closedAt: number[] = [];
    world.clients.command.on('close', () => closedAt.push(performance.now()));
    const consumer = world.process().consumers.open({ queues: [QUEUE], slots: 1 }, () => Promise.resolve([]));
    await demote();
    consumer.start();
    await waitFor('some refusals', async () => {
      await works(world).catch(() => undefined);
      return closedAt.length >= 6;
    });
    expect((closedAt[5] ?? 0) - (closedAt[0] ?? 0)).toBeGreaterThan(1_400);
    await direct.replicaof('NO', 'ONE');
    await waitFor('a put', () => works(world), { deadlineMs: 10_000 });
    await consumer.stop();
    await world.close();
  });

  // Proven: without `reconnectOnError` in RedisPulse it beats into the ledger for ever, and is on nobody's roll.
  it('does not take the heartbeat with it', async () => {
    const appName = uniqueAppName();
    const member = await openMember(appName, { REDIS_URL: proxy.url });
    const target = new Redis(next.url);
    await member.join();
    await demote();
    proxy.leadTo(next.url);
    await waitFor('a beat', async () => (await target.zcard(`{${appName}}:beats`)) === 1, {
      deadlineMs: 10_000,
    });
    target.disconnect();
    await member.close();
    await dropSchema(appName);
  });
});
