import { setTimeout as sleep } from 'node:timers/promises';
import { ContenderProcess } from '../contender-process.js';
import { cpuMs } from '../cpu.js';

const SETTLE_MS = 5_000;
const WATCH_MS = 20_000;

/** What a worker costs that has nothing to do: with it, less what the servers and the other processes do without it. */
export const idleRow = {
  id: 'idle',
  title: 'idle worker, CPU of all three',
  unit: 'ms per second',
  rounds: 1,
  also: [{ title: '… Redis commands per minute', unit: '', pick: (sample) => sample.commands }],
  async measure(bench, contender) {
    const without = await watch(bench);
    const worker = await ContenderProcess.start(contender, 'worker', bench.servers, {
      queue: bench.queue,
      concurrency: 10,
      env: bench.env('worker'),
    });
    try {
      await sleep(SETTLE_MS);
      const { cpu, commands } = await watch(bench, worker);
      return {
        value: Math.max(0, cpu - without.cpu),
        commands: Math.max(0, commands - without.commands),
      };
    } finally {
      await worker.stop();
    }
  },
};

/** CPU in ms per second, commands per minute (those that scripts make count, too). */
async function watch(bench, worker) {
  const before = await state(bench, worker);
  await sleep(WATCH_MS);
  const after = await state(bench, worker);
  return {
    cpu: ((after.cpu - before.cpu) * 1_000) / WATCH_MS,
    commands: ((after.commands - before.commands) * 60_000) / WATCH_MS,
  };
}

async function state({ servers }, worker) {
  const commands = Number(/total_commands_processed:(\d+)/.exec(await servers.redis.info('stats'))[1]);
  return {
    commands,
    cpu: (worker?.cpuMs() ?? 0) + cpuMs(servers.pids.redis) + cpuMs(servers.pids.postgres),
  };
}
