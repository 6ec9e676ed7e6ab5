import type { Settings } from '../config/index.js';
import { check, type Check } from '../foundation/index.js';
import type { RedisClients } from './redis-clients.js';
import { DispatchUnavailableError } from './redis-errors.js';

/** The oldest version that our scripts were written for. */
const OLDEST_VERSION = 6;

/** What `doctor` asks of Redis, and how far its clock is from ours (ms, positive: ahead). Throws `DispatchUnavailableError`. */
export async function checkRedis(
  redis: RedisClients,
  settings: Settings,
): Promise<{ checks: Check[]; skewMs: number }> {
  const { command } = redis;
  try {
    const askedAt = Date.now();
    const [seconds, micros] = await command.time();
    const skewMs = Number(seconds) * 1_000 + Number(micros) / 1_000 - (askedAt + Date.now()) / 2;
    const info = fieldsOf(await command.info());
    const ours = await countOurs(redis, settings);
    return {
      checks: [
        checkVersion(info),
        checkEviction(info),
        checkPersistence(info),
        ...checkConnections(info, ours),
      ],
      skewMs,
    };
  } catch (error) {
    throw new DispatchUnavailableError(error);
  }
}

type Info = ReadonlyMap<string, string>;

function fieldsOf(text: string): Info {
  const pairs = text.split('\r\n').map((line) => line.split(':'));
  return new Map(
    pairs.filter((pair) => pair.length >= 2).map(([name = '', ...rest]) => [name, rest.join(':')]),
  );
}

function checkVersion(info: Info): Check {
  const version = info.get('redis_version') ?? 'of unknown version';
  return check(
    'redis',
    !(Number.parseInt(version, 10) < OLDEST_VERSION),
    `Redis ${version} answers.`,
    `Use Redis ${OLDEST_VERSION} or newer.`,
  );
}

function checkEviction(info: Info): Check {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  return check(
    'redis-eviction',
    policy === 'noeviction',
    policy === 'noeviction'
      ? 'maxmemory-policy is noeviction.'
      : `maxmemory-policy is ${policy}: under memory pressure Redis throws queued tasks away until they are found again in the ledger.`,
    'Set maxmemory-policy noeviction (heroku redis:maxmemory --policy noeviction).',
  );
}

function checkPersistence(info: Info): Check {
  const isOn = info.get('aof_enabled') === '1';
  return check(
    'redis-persistence',
    isOn,
    isOn
      ? 'appendonly is on.'
      : 'appendonly is no: after a crash of Redis the queues are filled again from the ledger, which takes time.',
    'Set appendonly yes (with appendfsync everysec). Nothing accepted is lost without it, but starts wait for the refill.',
  );
}

// A managed server may keep its limit to itself: then there is nothing to say.
function checkConnections(info: Info, ours: number): Check[] {
  const [used, most] = [Number(info.get('connected_clients')), Number(info.get('maxclients'))];
  if (!(used >= 0) || !(most > 0)) return [];
  return [
    check(
      'redis-connections',
      used + ours <= most,
      `${used} of ${most} connections are used, ${ours} of them by us; during a deploy the old and the new processes overlap.`,
      'Raise maxclients (or the plan), serve fewer queues per process, or run fewer processes.',
    ),
  ];
}

async function countOurs({ command }: RedisClients, { appName }: Settings): Promise<number> {
  const list = String(await command.client('LIST'));
  return list.split('\n').filter((line) => line.includes(` name=${appName}:`)).length;
}
