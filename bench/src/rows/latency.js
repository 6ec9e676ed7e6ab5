import { setTimeout as sleep } from 'node:timers/promises';
import { ContenderProcess } from '../contender-process.js';
import { median, percentile } from '../statistics.js';

const STEADY = { count: 1_000, perSecond: 100 };
const LONE_TASKS = 8;
const DELAYED = { count: 300, inMs: 3_000, everyMs: 20 };
/** Tasks a second beside the delayed ones. */
const LOAD = 1_000;

/** From the call that enqueues to the first line of the job, in two processes, at a hundred a second. */
export const latencyRow = {
  id: 'latency',
  title: 'enqueue to start at 100 a second, p50',
  unit: 'ms',
  isQuick: true,
  goal: { kind: 'plus', must: 1, aim: 0.5 },
  also: [
    {
      title: '… p99',
      unit: 'ms',
      pick: (sample) => sample.p99,
      goal: { kind: 'ratio', must: 2.2, aim: 1.5, isLower: true },
    },
  ],
  measure: (bench, contender) =>
    withWorker(bench, contender, async (producer, worker) => {
      await producer.call('addSteadily', { count: 100, perSecond: 100 });
      await untilHeard(worker, 100);
      await worker.call('takeLatencies');
      await producer.call('addSteadily', STEADY);
      const latencies = await untilHeard(worker, STEADY.count);
      return {
        value: median(latencies),
        p99: percentile(latencies, 99),
        notes: { p99: percentile(latencies, 99) },
      };
    }),
};

/** One task at a time, to a worker that has been idle for a second. */
export const loneRow = {
  id: 'lone',
  title: 'one lone task to an idle worker',
  unit: 'ms',
  isQuick: true,
  goal: { kind: 'atMost', must: 20, aim: 5 },
  measure: (bench, contender) =>
    withWorker(bench, contender, async (producer, worker) => {
      const latencies = [];
      for (let i = 0; i < LONE_TASKS; i++) {
        await sleep(1_000);
        await producer.call('addSteadily', { count: 1, perSecond: 1_000 });
        latencies.push(...(await untilHeard(worker, 1)));
      }
      return { value: median(latencies.slice(1)), notes: { worst: Math.max(...latencies.slice(1)) } };
    }),
};

/** How late delayed tasks start: at idle, and while the worker has more than enough to do. */
export const delayRows = [
  { id: 'delay-idle', title: 'delayed tasks at idle, lateness p99', load: 0 },
  { id: 'delay-load', title: 'delayed tasks under load, lateness p99', load: LOAD },
].map(({ id, title, load }) => ({
  id,
  title,
  unit: 'ms',
  goal: { kind: 'atMost', must: 50, aim: 50 },
  also: [
    { title: '… p50', unit: 'ms', pick: (sample) => sample.p50 },
    { title: '… worst', unit: 'ms', pick: (sample) => sample.worst },
  ],
  contenders: ['shiftwork', 'bull', 'bullmq'],
  measure: async (bench, contender) => {
    const outcome = await withWorker(bench, contender, async (producer, worker) => {
      await producer.call('addDelayed', DELAYED);
      const feeding = load > 0 ? feed(producer, load) : undefined;
      const lateness = (await untilHeard(worker, DELAYED.count)).map((ms) => Math.max(0, ms));
      await feeding; // else it goes on filling a queue that has been cleared
      const [p50, p99, worst] = [median(lateness), percentile(lateness, 99), Math.max(...lateness)];
      return { value: p99, p50, worst, notes: { p50, worst } };
    });
    await bench.clear(contender);
    return outcome;
  },
}));

// Less than any contender can work off: a queue that grows would only show queueing.
function feed(producer, perSecond) {
  const ms = DELAYED.inMs + DELAYED.count * DELAYED.everyMs;
  return producer.call('addSteadily', { count: (perSecond * ms) / 1_000, perSecond, isLoad: true });
}

async function withWorker(bench, contender, work) {
  const producer = await bench.producer(contender);
  const options = { queue: bench.queue, concurrency: 10, handler: 'latency', env: bench.env('worker') };
  const worker = await ContenderProcess.start(contender, 'worker', bench.servers, options);
  try {
    return await work(producer, worker);
  } finally {
    await worker.stop();
  }
}

async function untilHeard(worker, count) {
  const heard = [];
  for (let left = 600; heard.length < count; left--) {
    if (left === 0) throw new Error(`only ${heard.length} of ${count} tasks have started`);
    heard.push(...(await worker.call('takeLatencies')));
    await sleep(50);
  }
  return heard;
}
