import { workOff } from '../processing.js';

const SMALL = 10_000;
const STRETCH = 20_000;

/** The rate at which a deep queue is worked off, as a share of the own rate at 10^4. */
export function backlogRows(depths) {
  return depths.map((depth) => ({
    id: `backlog-${depth}`,
    title: `rate with ${depth.toLocaleString('en-GB')} queued, share of the own rate at 10,000`,
    unit: '%',
    rounds: 2,
    contenders: ['shiftwork', 'bull'],
    goal: { kind: 'atLeast', must: 90, aim: 100 },
    async measure(bench, contender) {
      const [shallow, deep] = [await rate(bench, contender, SMALL), await rate(bench, contender, depth)];
      return { value: (deep * 100) / shallow, notes: { shallow, deep } };
    },
  }));
}

async function rate(bench, contender, depth) {
  const producer = await bench.producer(contender);
  await producer.call('addMany', { count: depth });
  const count = Math.min(depth, STRETCH);
  const { perSecond } = await workOff(bench, contender, {
    concurrency: 50,
    count,
    leavesRest: depth > count,
  });
  await bench.clear(contender);
  return perSecond;
}
