import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Redis } from 'ioredis';
import { deleteServerData, startPostgres, startRedis } from '../../dist/dev/index.js';

/** Segments of 16 MB: as many as `min_wal_size` keeps. */
const SEGMENTS = 60;

/** A PostgreSQL and a Redis of the bench's own, as durable as they come: fsync on, appendonly on. */
export async function startServers() {
  const dir = mkdtempSync(join(tmpdir(), 'shiftwork-bench-'));
  const settings = { min_wal_size: '1GB' };
  const [postgres, redis] = await Promise.all([startPostgres({ dir, settings }), startRedis({ dir })]);
  const sql = new pg.Pool({ connectionString: postgres.url, max: 2 });
  sql.on('error', () => undefined); // the server may stop before it has taken leave of a connection that we have closed
  await wearIn(sql);
  const client = new Redis(redis.url);
  return {
    dir,
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    pids: { postgres: postgres.pid, redis: redis.pid },
    redis: client,
    query: async (text, values) => (await sql.query(text, values)).rows,
    versions: async () => ({
      node: process.version,
      postgres: (await sql.query('SHOW server_version')).rows[0].server_version,
      redis: /redis_version:(\S+)/.exec(await client.info('server'))[1],
    }),
    /** Every commit takes this much longer: what a slow disk does to group commit, and to its absence. */
    async delayCommits(ms) {
      await sql.query(`ALTER SYSTEM SET commit_delay = ${ms * 1000}`);
      await sql.query(`ALTER SYSTEM SET commit_siblings = ${ms === 0 ? 5 : 0}`);
      await sql.query('SELECT pg_reload_conf()');
    },
    async stop() {
      await sql.end();
      client.disconnect();
      await Promise.all([postgres.stop(), redis.stop()]);
      deleteServerData(dir); // root's PostgreSQL keeps it elsewhere
    },
  };
}

/**
 * A database in use writes its log over old segments; a new one makes each, and every commit waits for that: 50 ms twice a second at
 * 30,000 tasks a second. So the log is gone through once before anything is measured.
 */
async function wearIn(sql) {
  for (let i = 0; i < SEGMENTS; i++) {
    await sql.query(`SELECT pg_logical_emit_message(false, 'bench', 'x')`);
    await sql.query('SELECT pg_switch_wal()');
  }
  await sql.query('CHECKPOINT');
}
