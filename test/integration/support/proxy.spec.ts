import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { Proxy } from '../../support/proxy.js';
import { redisUrl } from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';

const clean: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of clean.splice(0).reverse()) await cleanUp();
});

async function setup(): Promise<{ proxy: Proxy; redis: Redis }> {
  const proxy = await Proxy.to(redisUrl());
  const redis = new Redis(proxy.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  clean.push(
    () => proxy.close(),
    () => redis.disconnect(),
  );
  return { proxy, redis };
}

describe('a bad network', () => {
  it('passes everything until it is told otherwise', async () => {
    const { proxy, redis } = await setup();
    expect(await redis.echo('x'.repeat(1_000_000))).toHaveLength(1_000_000);
    expect(proxy.connections).toBe(1);
  });

  it('holds bytes back while it stalls and delivers them afterwards', async () => {
    const { proxy, redis } = await setup();
    await redis.ping();
    proxy.stall();
    let answered = false;
    const answer = redis.echo('late').then((text) => {
      answered = true;
      return text;
    });
    const direct = new Redis(redisUrl());
    clean.push(() => direct.disconnect());
    await direct.ping(); // a whole round trip later
    expect(answered).toBe(false);

    proxy.resume();

    expect(await answer).toBe('late');
  });

  it('takes connections while it stalls, and connects them when it resumes', async () => {
    const { proxy, redis } = await setup();
    await redis.ping();
    proxy.stall();
    const late = new Redis(proxy.url, { maxRetriesPerRequest: null });
    clean.push(() => late.disconnect());
    await waitFor('the new connection', () => proxy.connections === 2);
    expect(late.status).not.toBe('ready');

    proxy.resume();

    expect(await late.ping()).toBe('PONG');
  });

  it('cuts connections; the next one is fine', async () => {
    const { proxy, redis } = await setup();
    await redis.ping();
    const closed = new Promise((resolve) => redis.once('close', resolve));
    proxy.cut();
    await closed;
    expect(await redis.ping()).toBe('PONG');
  });

  it('refuses everybody until it resumes', async () => {
    const { proxy, redis } = await setup();
    await redis.ping();
    proxy.refuse();
    let attempts = 0;
    redis.on('reconnecting', () => (attempts += 1));
    await waitFor('vain attempts to reconnect', () => attempts >= 3);

    proxy.resume();

    expect(await redis.ping()).toBe('PONG');
  });
});
