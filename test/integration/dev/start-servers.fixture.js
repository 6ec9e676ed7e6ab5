// Starts both servers in the folder of argv[2], says where they are, and stays until it is told to stop or is killed.
import { startPostgres, startRedis } from '../../../dist/dev/index.js';

const dir = process.argv[2];
const postgres = await startPostgres({ dir, settings: { fsync: 'off' } });
const redis = await startRedis({ dir });
const alive = setInterval(() => undefined, 60_000);
process.once('SIGTERM', async () => {
  await Promise.all([postgres.stop(), redis.stop()]);
  clearInterval(alive);
});
process.once('SIGUSR2', () => process.exit(0)); // leaves without a goodbye
console.log(
  JSON.stringify({
    event: 'up',
    postgres: { pid: postgres.pid, url: postgres.url },
    redis: { pid: redis.pid, url: redis.url },
  }),
);
