import { NOOP_PAYLOAD } from './payload.js';

/*
 * A process of one contender. The parent calls the operations below; each contender offers
 * `open(role, { queue, concurrency, handle })` → { addOne(payload, { dueAt, priority }), addMany(payloads, { priority }), listen?(),
 * progress?(), pause?(), resume?() }.
 */
const [name] = process.argv.slice(2);
const { open } = await import(`./contenders/${name}.js`);

let contender;
let done = 0;
/** Every so many tasks the time is noted: [ms, tasks done]. */
let timeline = [];
let latencies = [];

const now = () => performance.timeOrigin + performance.now();

const HANDLERS = {
  noop: () => {},
  busy5ms: () => new Promise((resolve) => setTimeout(resolve, 5)),
  // What only keeps the worker busy does not say when it was asked for.
  latency: (payload) => void (payload.at > 0 && latencies.push(now() - payload.at)),
};

const operations = {
  async open({ role, queue, concurrency, handler }) {
    contender = await open(role, { queue, concurrency, handle: counted(HANDLERS[handler ?? 'noop']) });
  },

  /**
   * Adds `count` tasks one by one, `inFlight` at a time; with `priorities`, their priorities go round from 1 to that. Answers
   * the ms it took, and what it cost this process.
   */
  async addOneByOne({ count, inFlight, priorities }) {
    return timed(async () => {
      let left = count;
      const lane = async () => {
        while (left-- > 0) await contender.addOne(NOOP_PAYLOAD, optionsOf(left, priorities));
      };
      await Promise.all(Array.from({ length: inFlight }, lane));
    });
  },

  /** Adds `count` tasks by the contender's own bulk call, `chunk` at a time, a chunk of one priority. */
  async addMany({ count, chunk = 1_000, priorities }) {
    return timed(async () => {
      for (let left = count; left > 0; left -= chunk) {
        const payloads = Array.from({ length: Math.min(chunk, left) }, () => NOOP_PAYLOAD);
        await contender.addMany(payloads, optionsOf(left / chunk, priorities));
      }
    });
  },

  /** Adds `count` tasks at `perSecond`, each with the moment it was asked for, unless they are there to keep the worker busy. */
  async addSteadily({ count, perSecond, isLoad = false }) {
    const added = [];
    const startedAt = performance.now();
    for (let i = 0; i < count; i++) {
      const waitMs = startedAt + (i * 1_000) / perSecond - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      added.push(contender.addOne({ ...NOOP_PAYLOAD, at: isLoad ? 0 : now() }));
    }
    await Promise.all(added);
  },

  /** Adds `count` tasks that are due `everyMs` apart, the first in `inMs`; each knows when it should start. */
  async addDelayed({ count, inMs, everyMs }) {
    const first = Date.now() + inMs;
    for (let i = 0; i < count; i++) {
      const dueAt = first + i * everyMs;
      await contender.addOne({ ...NOOP_PAYLOAD, at: dueAt }, { dueAt });
    }
  },

  /** Answers the ms that both took. */
  pauseAndResume: () =>
    timed(async () => {
      await contender.pause();
      await contender.resume();
    }),

  /** Answers the URL that a POST enqueues at. */
  listen: () => contender.listen(),

  takeLatencies() {
    const taken = latencies;
    latencies = [];
    return taken;
  },

  progress: () => contender.progress?.() ?? { done, timeline },
};

function optionsOf(n, priorities) {
  return priorities === undefined ? undefined : { priority: 1 + (Math.floor(n) % priorities) };
}

function counted(handle) {
  return (payload) => {
    if (++done % 50 === 0) timeline.push([now(), done]);
    return handle(payload);
  };
}

async function timed(work) {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1_000 };
}

process.on('message', async ({ call, operation, argument }) => {
  try {
    process.send({ call, result: await operations[operation](argument) });
  } catch (error) {
    process.send({ call, error: error.stack });
  }
});
process.on('disconnect', () => process.exit());
