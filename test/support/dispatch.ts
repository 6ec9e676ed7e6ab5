import Bull from 'bull';
import { Redis } from 'ioredis';
import type { Settings } from '../../src/config/index.js';
import { loadSettings } from '../../src/config/index.js';
import { Consumers, Dispatcher, Entries, Losses, type Entry } from '../../src/dispatch/index.js';
import { newId } from '../../src/foundation/index.js';
import { RedisClients } from '../../src/redis/index.js';
import { Telemetry } from '../../src/telemetry/index.js';
import { deleteKeys, environmentOf, redisUrl, uniqueAppName } from './servers.js';

export const QUEUE = 'mail';

export interface DispatchWorld {
  readonly appName: string;
  readonly settings: Settings;
  readonly clients: RedisClients;
  /** A connection that owes nothing to the code under test. */
  readonly redis: Redis;
  readonly entries: Entries;
  readonly dispatcher: Dispatcher;
  readonly losses: Losses;
  /** Queues that were reported as wiped. */
  readonly wiped: string[];
  /** Entries that were reported as lost. */
  readonly lost: string[];
  readonly telemetry: Telemetry;
  /** The consumers of another process in the same world. */
  process(
    id?: string,
    maxUnrecorded?: number,
  ): { readonly id: string; readonly consumers: Consumers; become(id: string): void };
  /** The process to whom consumers leave what they hand over. */
  heir: string | null;
  key(type: string, queue?: string): string;
  mark(queue?: string): Promise<void>;
  /** A plain Bull queue on our keys, as somebody outside would open it. */
  bull(queue?: string): Bull.Queue;
  close(): Promise<void>;
}

/** The part of the dispatch room that needs only Redis, in a world of its own; the queue `mail` is marked as set up. */
export async function openDispatch(env: Record<string, string> = {}): Promise<DispatchWorld> {
  const appName = uniqueAppName();
  const { settings } = loadSettings({ ...environmentOf(appName), LOG_LEVEL: 'silent', ...env }, ['worker']);
  const telemetry = new Telemetry();
  const clients = new RedisClients(settings, telemetry);
  await clients.untilReady(10_000);
  const redis = new Redis(redisUrl());
  const entries = new Entries(clients);
  const losses = new Losses();
  const wiped: string[] = [];
  const lost: string[] = [];
  losses.onQueueWiped((queue) => wiped.push(queue));
  losses.onEntryLost((id) => lost.push(id));
  const bulls: Bull.Queue[] = [];
  const key = (type: string, queue = QUEUE): string => `{${appName}:${queue}}:${queue}:${type}`;
  const world: DispatchWorld = {
    appName,
    settings,
    clients,
    redis,
    entries,
    losses,
    wiped,
    lost,
    telemetry,
    heir: null,
    key,
    dispatcher: new Dispatcher(entries, losses),
    process: (id = newId(), maxUnrecorded = 200) => {
      const self = { id };
      return {
        id,
        consumers: new Consumers(clients, entries, losses, self, { maxUnrecorded }, telemetry, {
          youngestFree: () => Promise.resolve(world.heir),
        }),
        become: (next) => {
          self.id = next;
        },
      };
    },
    mark: async (queue = QUEUE) => {
      await redis.hset(key('meta', queue), 'shiftwork', '1');
    },
    bull: (queue = QUEUE) => {
      const opened = new Bull(queue, settings.redisUrl, { prefix: `{${appName}:${queue}}` });
      bulls.push(opened);
      return opened;
    },
    close: async () => {
      await Promise.all(bulls.map((each) => each.close(true)));
      clients.close();
      redis.disconnect();
      await deleteKeys(appName);
    },
  };
  await world.mark();
  return world;
}

export function entry(part: Partial<Entry> = {}): Entry {
  return {
    id: newId(),
    job: 'test.job',
    queue: QUEUE,
    payload: '{"n":1}',
    priority: null,
    dueAt: null,
    at: Date.now(),
    where: 'tail',
    ...part,
  };
}

/** What a fetch brought, by name. */
export function fetchedIds(fields: readonly string[]): string[] {
  return fields.filter((_, i) => i % 4 === 0);
}
