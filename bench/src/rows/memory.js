import { processBacklog } from '../processing.js';

const COUNT = 20_000;

/** What Redis holds for a task that waits. (Shiftwork also keeps its row, in PostgreSQL.) */
export const redisBytesRow = {
  id: 'redis-bytes',
  title: 'Redis memory per queued task',
  unit: 'bytes',
  isQuick: true,
  rounds: 1,
  contenders: ['shiftwork', 'bull', 'bullmq'],
  goal: { kind: 'ratio', must: 1.2, aim: 1, isLower: true },
  async measure(bench, contender) {
    const producer = await bench.producer(contender);
    const before = await usedMemory(bench);
    await producer.call('addMany', { count: COUNT });
    const value = ((await usedMemory(bench)) - before) / COUNT;
    await bench.clear(contender);
    return { value };
  },
};

async function usedMemory(bench) {
  return Number(/used_memory:(\d+)/.exec(await bench.servers.redis.info('memory'))[1]);
}

/** What a worker has taken of the machine's memory after it has run 100,000 tasks that waited. */
export const workerMemoryRow = {
  id: 'worker-memory',
  title: 'worker RSS after 100,000 tasks (beside: @nestjs/bull)',
  unit: 'MB',
  rounds: 2,
  contenders: ['shiftwork', 'bull', 'nestjs-bull'],
  goal: { kind: 'ratio', must: 1.25, aim: 1.1, isLower: true, against: 'nestjs-bull' },
  async measure(bench, contender) {
    const { rssMb } = await processBacklog(bench, contender, { concurrency: 50, count: 100_000 });
    await bench.clear(contender);
    return { value: rssMb };
  },
};
