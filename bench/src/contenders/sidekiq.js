import { randomBytes } from 'node:crypto';
import { foreign } from '../foreign/foreign.js';

/* Debian: ruby-sidekiq. Threads of one process; a crash loses what runs. */

export const open = (role, { concurrency }) =>
  foreign(role, {
    list: 'queue:default',
    worker: ['sidekiq', '-r', './sidekiq_job.rb', '-c', String(concurrency), '-q', 'default'],
    async produce(payloads, redis) {
      await redis.sadd('queues', 'default');
      await redis.lpush('queue:default', ...payloads.map(jobOf));
    },
  });

function jobOf(payload) {
  const at = Date.now() / 1_000;
  const jid = randomBytes(12).toString('hex');
  const times = { created_at: at, enqueued_at: at };
  return JSON.stringify({ retry: true, queue: 'default', class: 'BenchJob', args: [payload], jid, ...times });
}
