import { workOff } from '../processing.js';
import { median } from '../statistics.js';

const PRIORITIES = 10;
const ADDED = 2_000;
const SMALL = 10_000;
const STRETCH = 20_000;
const PAUSES = 9;

/** What it costs to jump a queue, to work off one in which everybody has a priority, and to stop one. */
export function priorityRows(depths) {
  return depths.flatMap((depth) => {
    const queued = `${depth.toLocaleString('en-GB')} queued`;
    return [
      {
        id: `priority-enqueue-${depth}`,
        title: `enqueue with priorities, 100 in flight, ${queued}`,
        unit: 'tasks/s',
        rounds: 2,
        contenders: ['shiftwork', 'bull', 'bullmq'],
        measure: (bench, contender) =>
          withQueued(bench, contender, { count: depth }, async (producer) => {
            const added = { count: ADDED, inFlight: 100, priorities: PRIORITIES };
            const { ms } = await producer.call('addOneByOne', added);
            return { value: (ADDED * 1_000) / ms };
          }),
      },
      {
        id: `priority-backlog-${depth}`,
        title: `rate with ${queued}, all with priorities, share of the own rate at 10,000 without`,
        unit: '%',
        rounds: 2,
        contenders: ['shiftwork'], // Bull needs a minute and more to put them in
        async measure(bench, contender) {
          const plain = await rate(bench, contender, { count: SMALL });
          const deep = await rate(bench, contender, { count: depth, priorities: PRIORITIES });
          return { value: (deep * 100) / plain, notes: { plain, deep } };
        },
      },
      {
        id: `pause-${depth}`,
        title: `pause and resume, ${queued} (Shiftwork counts them for its answer)`,
        unit: 'ms',
        rounds: 2,
        contenders: ['shiftwork', 'bull', 'bullmq'],
        measure: (bench, contender) =>
          withQueued(bench, contender, { count: depth }, async (producer) => {
            const times = [];
            for (let i = 0; i < PAUSES; i++) times.push((await producer.call('pauseAndResume')).ms);
            return { value: median(times) };
          }),
      },
    ];
  });
}

async function withQueued(bench, contender, many, work) {
  const producer = await bench.producer(contender);
  await producer.call('addMany', many);
  try {
    return await work(producer);
  } finally {
    await bench.clear(contender);
  }
}

function rate(bench, contender, many) {
  return withQueued(bench, contender, many, async () => {
    const count = Math.min(many.count, STRETCH);
    const leavesRest = many.count > count;
    const { perSecond } = await workOff(bench, contender, { concurrency: 50, count, leavesRest });
    return perSecond;
  });
}
