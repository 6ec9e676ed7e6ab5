import { setTimeout as sleep } from 'node:timers/promises';
import { ContenderProcess } from '../contender-process.js';
import { cpuMs } from '../cpu.js';

const SETTLE_MS = 5_000;
const WATCH_MS = 20_000;

/** What a worker costs that has nothing to do. */
export const idleRow = {
  id: 'idle',
  title: 'idle worker, CPU of all three',
  unit: 'ms per second',
  rounds: 1,
  also: [
    { title: '… Redis commands per minute', unit: '', pick: (sample) => sample.commands },
    { title: '… PostgreSQL transactions per minute', unit: '', pick: (sample) => sample.transactions },
  ],
  async measure(bench, contender) {
    const worker = await ContenderProcess.start(contender, 'worker', bench.servers, {
      queue: bench.queue,
      concurrency: 10,
      env: bench.env('worker'),
    });
    try {
      await sleep(SETTLE_MS);
      const before = await state(bench, worker);
      await sleep(WATCH_MS);
      const after = await state(bench, worker);
      const perMinute = 60_000 / WATCH_MS;
      return {
        value: ((after.cpu - before.cpu) * 1_000) / WATCH_MS,
        commands: Math.max(0, after.commands - before.commands - 1) * perMinute,
        transactions: Math.max(0, after.transactions - before.transactions - 1) * perMinute,
      };
    } finally {
      await worker.stop();
    }
  },
};

async function state({ servers }, worker) {
  const commands = Number(/total_commands_processed:(\d+)/.exec(await servers.redis.info('stats'))[1]);
  const [{ n }] = await servers.query(
    'SELECT xact_commit::int AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return {
    commands,
    transactions: n,
    cpu: worker.cpuMs() + cpuMs(servers.pids.redis) + cpuMs(servers.pids.postgres),
  };
}
