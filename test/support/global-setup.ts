import { deleteServerData, startDevServers } from '../../src/dev/index.js';
import { openFolder } from './folders.js';

/**
 * One real PostgreSQL and one real Redis for the whole run, unless DATABASE_URL or REDIS_URL name some. Their URLs are in
 * the environment of every test file; what a file makes there goes under an APP_NAME of its own (`uniqueAppName`).
 */
export default async function setup(): Promise<() => Promise<void>> {
  const dir = openFolder('test');
  const servers = await startDevServers({
    dir,
    postgresUrl: process.env.DATABASE_URL,
    redisUrl: process.env.REDIS_URL,
    postgresSettings: {
      fsync: 'off',
      synchronous_commit: 'on',
      full_page_writes: 'off',
      max_connections: '400',
    },
    log: (line) => {
      console.error(line);
    },
  });
  process.env.DATABASE_URL = servers.databaseUrl;
  process.env.REDIS_URL = servers.redisUrl;
  return async () => {
    await servers.stop();
    deleteServerData(dir);
  };
}
