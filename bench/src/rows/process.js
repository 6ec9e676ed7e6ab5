import { processBacklog, workOff } from '../processing.js';

const ratio = (must, aim) => ({ kind: 'ratio', must, aim });
const CPU = { kind: 'ratio', must: 0.8, aim: 0.55, isLower: true };

const SHAPES = [
  {
    id: 'process-1',
    title: 'process no-ops, concurrency 1',
    concurrency: 1,
    count: 10_000,
    goal: ratio(1.2, 3),
    isQuick: true,
  },
  {
    id: 'process-10',
    title: 'process no-ops, concurrency 10',
    concurrency: 10,
    count: 20_000,
    goal: ratio(1.1, 1.5),
    cpuGoal: CPU,
    isQuick: true,
    takesForeign: true,
  },
  {
    id: 'process-50',
    title: 'process no-ops, concurrency 50',
    concurrency: 50,
    count: 30_000,
    goal: ratio(1.1, 1.8),
    cpuGoal: CPU,
    isQuick: true,
  },
  { id: 'process-100', title: 'process no-ops, concurrency 100', concurrency: 100, count: 30_000 },
  {
    id: 'process-50x2',
    title: 'process no-ops, 2 processes at 50',
    concurrency: 50,
    processes: 2,
    count: 40_000,
    goal: ratio(1.2, 1.9),
  },
];

/** Working off a backlog of jobs that do nothing: all that is measured is the engine. */
export const processRows = SHAPES.map(({ id, title, goal, cpuGoal, isQuick, takesForeign, ...shape }) => ({
  id,
  title,
  unit: 'tasks/s',
  goal,
  cpuGoal,
  isQuick,
  takesForeign,
  async measure(bench, contender) {
    const { perSecond, cpuUs, rssMb } = await processBacklog(bench, contender, shape);
    await bench.clear(contender);
    return { value: perSecond, notes: { ...prefixed(cpuUs), 'RSS MB': rssMb }, cpuUs: cpuUs.all };
  },
}));

export const busyRow = {
  id: 'busy-50',
  title: '5 ms jobs at 50, share of the ideal',
  unit: '%',
  goal: { kind: 'atLeast', must: 85, aim: 95 },
  isQuick: true,
  async measure(bench, contender) {
    const { perSecond, cpuUs } = await processBacklog(bench, contender, {
      concurrency: 50,
      count: 20_000,
      handler: 'busy5ms',
    });
    await bench.clear(contender);
    return { value: (perSecond * 100) / 10_000, notes: prefixed(cpuUs) };
  },
};

export const endToEndRow = {
  id: 'end-to-end',
  title: 'end to end: 100 enqueuers and a worker at 50 at once',
  unit: 'tasks/s',
  goal: ratio(1.1, 1.6),
  async measure(bench, contender) {
    const producer = await bench.producer(contender);
    const count = 30_000;
    const whileBusy = () => producer.call('addOneByOne', { count, inFlight: 100 });
    const { perSecond, cpuUs } = await workOff(bench, contender, { concurrency: 50, count, whileBusy });
    await bench.clear(contender);
    return { value: perSecond, notes: prefixed(cpuUs) };
  },
};

/** A worker that has had little to do for a while, and what it made of that: connections, prepared statements, their plans. */
export const burstRow = {
  id: 'burst',
  title: 'a burst of 100,000 meets an idle worker at 50',
  unit: 'tasks/s',
  async measure(bench, contender) {
    const producer = await bench.producer(contender);
    const [few, many] = [300, 100_000];
    const whileBusy = async () => {
      await producer.call('addOneByOne', { count: few, inFlight: 1 });
      await producer.call('addMany', { count: many });
    };
    const { perSecond } = await workOff(bench, contender, { concurrency: 50, count: few + many, whileBusy });
    await bench.clear(contender);
    return { value: perSecond };
  },
};

const SLOW_DISK = [10, 50];

/** A disk that needs 10 ms more for each commit; raw Bull commits nothing and does not notice. */
export const slowDiskRows = SLOW_DISK.map((concurrency) => ({
  id: `slow-disk-${concurrency}`,
  title: `process no-ops at ${concurrency}, each commit 10 ms slower`,
  unit: 'tasks/s',
  goal: ratio(0.8, 1.1),
  async measure(bench, contender) {
    await bench.servers.delayCommits(10);
    try {
      const { perSecond } = await processBacklog(bench, contender, { concurrency, count: 20_000 });
      return { value: perSecond };
    } finally {
      await bench.servers.delayCommits(0);
      await bench.clear(contender);
    }
  },
}));

function prefixed(cpuUs) {
  return Object.fromEntries(
    Object.entries(cpuUs).map(([name, us]) => [name === 'all' ? 'CPU µs' : `${name} µs`, us]),
  );
}
