import { setTimeout as sleep } from 'node:timers/promises';
import { ContenderProcess } from './contender-process.js';

const SCHEMA = 'shiftwork';

const FOREIGN_KEYS = {
  sidekiq: ['queue:*', 'queues', 'stat:*'],
  celery: ['celery', 'unacked*', '_kombu*'],
  rq: ['rq:*'],
};

/** What the rows share: the servers, one queue name, and a producer of each contender that stays up, warm, from row to row. */
export class Bench {
  queue = 'bench';
  #producers = new Map();

  constructor(servers) {
    this.servers = servers;
  }

  /** The process that enqueues for a contender. */
  async producer(contender) {
    const known = this.#producers.get(contender);
    if (known !== undefined) return known;
    const starting = ContenderProcess.start(contender, 'web', this.servers, {
      queue: this.queue,
      env: this.env('web'),
    });
    this.#producers.set(contender, starting);
    return starting;
  }

  /** Environment of a process of ours; the others do not look at it. */
  env(role) {
    return role === 'web' ? { PORT: '0', HOST: '127.0.0.1' } : {};
  }

  /** Takes away what rows have enqueued and nobody will work off. */
  async clear(contender) {
    if (contender === 'shiftwork') {
      await this.servers.query(
        `TRUNCATE ${['task', 'live', 'outbox', 'ended', 'execution', 'pending_failure', 'task_log'].map((table) => `${SCHEMA}.${table}`).join(', ')}`,
      );
      await this.#unlink(`{${SCHEMA}:${this.queue}}:*`, (key) => key.endsWith(':meta'));
    }
    if (contender === 'bull') await this.#unlink(`bull:${this.queue}:*`);
    if (contender === 'bullmq') await this.#unlink(`bull:${this.queue}-mq:*`, (key) => key.endsWith(':meta'));
    if (contender === 'nestjs-bull') await this.#unlink(`bull:${this.queue}-nest:*`);
    for (const pattern of FOREIGN_KEYS[contender] ?? []) await this.#unlink(pattern);
    if (contender === 'bee-queue') await this.#unlink(`bq:${this.queue}:*`);
    if (contender === 'pg-boss')
      await this.servers.query(`DELETE FROM pgboss.job WHERE name = $1`, [this.queue]);
    if (contender === 'graphile-worker')
      await this.servers.query('DELETE FROM graphile_worker._private_jobs');
  }

  /** Until what has run is recorded too: a contender that runs fast and records late must not look faster for it. */
  async untilSettled(contender) {
    if (contender !== 'shiftwork') return;
    for (let left = 300; left > 0; left--) {
      const [{ unsettled }] = await this.servers.query(
        `SELECT count(*)::int AS unsettled FROM ${SCHEMA}.live`,
      );
      if (unsettled === 0) return;
      await sleep(100);
    }
    throw new Error('tasks ran whose end was never recorded');
  }

  async stop() {
    for (const producer of this.#producers.values()) await (await producer).stop();
  }

  async #unlink(pattern, keeps = () => false) {
    for await (const keys of this.servers.redis.scanStream({ match: pattern, count: 1_000 })) {
      const gone = keys.filter((key) => !keeps(key));
      if (gone.length > 0) await this.servers.redis.unlink(...gone);
    }
  }
}
