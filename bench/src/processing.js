import { setTimeout as sleep } from 'node:timers/promises';
import { ContenderProcess } from './contender-process.js';
import { cpuMs } from './cpu.js';
import { Meter } from './meter.js';

/** The first part warms up (connections, the compiler), the last is left out because its slots run dry. */
const FROM = 0.3;
const TO = 0.95;
const GIVE_UP_MS = 240_000;

/**
 * How fast workers of a contender empty a queue that holds `count` tasks, and what it costs: tasks per second, CPU µs per
 * task by process, and the memory of a worker afterwards.
 */
export async function processBacklog(bench, contender, options) {
  const producer = await bench.producer(contender);
  await producer.call('addMany', { count: options.count });
  return workOff(bench, contender, options);
}

/** The same for a queue that has been, or is being, filled otherwise. */
export async function workOff(
  bench,
  contender,
  { concurrency, count, processes = 1, handler, whileBusy, leavesRest = false, env },
) {
  const options = { queue: bench.queue, concurrency, handler, env: { ...bench.env('worker'), ...env } };
  const workers = await Promise.all(
    Array.from({ length: processes }, () =>
      ContenderProcess.start(contender, 'worker', bench.servers, options),
    ),
  );
  const { postgres, redis } = bench.servers.pids;
  const meter = new Meter({
    worker: () => workers.reduce((sum, worker) => sum + worker.cpuMs(), 0),
    redis: () => cpuMs(redis),
    postgres: () => cpuMs(postgres),
  });
  try {
    const busy = whileBusy?.(workers);
    const progress = await untilDone(workers, count);
    await busy;
    meter.stop();
    const rssMb = workers[0].rssMb();
    if (!leavesRest) await bench.untilSettled(contender);
    return { ...rates(progress, count, meter), rssMb };
  } finally {
    meter.stop();
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

async function untilDone(workers, count) {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  for (;;) {
    const progress = await Promise.all(workers.map((worker) => worker.call('progress')));
    const done = progress.reduce((sum, each) => sum + each.done, 0);
    if (done >= count) return progress;
    if (performance.now() > giveUpAt)
      throw new Error(`only ${done} of ${count} tasks ran within ${GIVE_UP_MS / 1_000} s`);
    await sleep(100);
  }
}

function rates(progress, count, meter) {
  const steps = progress.flatMap(({ timeline }) =>
    timeline.map(([at, done], i) => ({ at, tasks: done - (timeline[i - 1]?.[1] ?? 0) })),
  );
  steps.sort((a, b) => a.at - b.at);
  const [from, to] = [moment(steps, count * FROM), moment(steps, count * TO)];
  const tasks = to.tasks - from.tasks;
  const cpu = meter.between(from.at, to.at);
  return {
    perSecond: (tasks * 1_000) / (to.at - from.at),
    cpuUs: Object.fromEntries(Object.entries(cpu).map(([name, ms]) => [name, (ms * 1_000) / tasks])),
  };
}

function moment(steps, tasks) {
  let sum = 0;
  for (const step of steps) {
    sum += step.tasks;
    if (sum >= tasks) return { at: step.at, tasks: sum };
  }
  return { at: steps.at(-1).at, tasks: sum };
}
