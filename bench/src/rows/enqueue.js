import { cpuMs } from '../cpu.js';

const SHAPES = [
  { id: 'enqueue-1', title: 'enqueue, one by one', count: 3_000, inFlight: 1 },
  {
    id: 'enqueue-100',
    title: 'enqueue, 100 in flight',
    count: 20_000,
    inFlight: 100,
    goal: { kind: 'ratio', must: 0.85, aim: 1.0 },
  },
  {
    id: 'enqueue-1000',
    title: 'enqueue, 1,000 in flight',
    count: 30_000,
    inFlight: 1_000,
    goal: { kind: 'ratio', must: 1.3, aim: 1.7 },
  },
  {
    id: 'enqueue-bulk',
    title: 'enqueue, bulk (1,000 a call)',
    count: 40_000,
    goal: { kind: 'ratio', must: 1.3, aim: 1.6 },
  },
];

/**
 * Enqueuing: each task is committed before its call resolves (Shiftwork, pg-boss, graphile-worker), or is in Redis (the rest). Each does
 * the same once before, unmeasured: a row takes half a second, and the compiler longer.
 */
export const enqueueRows = SHAPES.map(({ id, title, count, inFlight, goal }) => ({
  id,
  title,
  unit: 'tasks/s',
  goal,
  isQuick: true,
  async measure(bench, contender) {
    const producer = await bench.producer(contender);
    const share = SLOW.has(contender) ? 0.1 : 1;
    const argument = { count: count * share, inFlight };
    const operation = inFlight === undefined ? 'addMany' : 'addOneByOne';
    await producer.call(operation, argument);
    await bench.clear(contender);
    const { redis, postgres } = bench.servers.pids;
    const before = [cpuMs(redis), cpuMs(postgres)];
    const { ms, cpuMs: ownMs } = await producer.call(operation, argument);
    const used = [ownMs, cpuMs(redis) - before[0], cpuMs(postgres) - before[1]].map(
      (each) => (each * 1_000) / argument.count,
    );
    await bench.clear(contender);
    const [producerUs, redisUs, postgresUs] = used;
    const notes = { 'producer µs': producerUs, 'redis µs': redisUs, 'postgres µs': postgresUs };
    return { value: (argument.count * 1_000) / ms, notes, cpuUs: producerUs + redisUs + postgresUs };
  },
}));

/** Their rows would take minutes; a rate needs fewer tasks. */
const SLOW = new Set(['pg-boss', 'graphile-worker']);
