// The app that the tests run as real processes: `node test/support/test-app.js ROLE`, with jobs that do on demand what
// jobs in the wild do. Built code only (dist/), as a user has it. HOLD names a test signal at which the process stops for
// ever (and says so), which is how a test kills it at exactly that place.
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Module } from '@nestjs/common';
import { z } from 'zod';
import { TestSignal } from '../../dist/foundation/index.js';
import { DoNotRetry, JobHandler, Postgres, Snooze, start, Tasks } from '../../dist/index.js';

/** Applies decorators by hand: this file is plain JavaScript. */
function job(options, inject, type) {
  inject.forEach((token, i) => Inject(token)(type, undefined, i));
  JobHandler(options)(type);
  return type;
}

const Noop = job(
  { name: 'test.noop', payload: z.looseObject({}) },
  [],
  class Noop {
    run(payload) {
      return payload;
    }
  },
);

/** Runs for `ms`; in steps of `stepMs`, each of which is a checkpoint when `checkpoints` is set. Stops at its signal. */
const Sleep = job(
  {
    name: 'test.sleep',
    payload: z.object({
      ms: z.number(),
      stepMs: z.number().default(100),
      checkpoints: z.boolean().default(false),
      deaf: z.boolean().default(false),
    }),
  },
  [],
  class Sleep {
    async run({ ms, stepMs, checkpoints, deaf }, task) {
      const from = Date.now();
      const steps = Math.ceil(ms / stepMs);
      for (let step = task.lastCheckpoint?.step ?? 0; step < steps; step++) {
        await rest(stepMs, deaf ? undefined : task.signal);
        if (!deaf) task.signal.throwIfAborted();
        await task.progress((100 * (step + 1)) / steps, `step ${step + 1} of ${steps}`).catch((error) => {
          if (!deaf) throw error;
        });
        if (checkpoints) await task.checkpoint({ step: step + 1 });
      }
      task.log('slept');
      return { steps, from, to: Date.now() };
    }
  },
);

/** Would charge a card: it does not look at its signal, and must not run twice. */
const Charge = job(
  { name: 'test.charge', payload: z.object({ ms: z.number() }), onWorkerLost: 'fail' },
  [],
  class Charge {
    async run({ ms }) {
      await sleep(ms);
    }
  },
);

/** Runs until the test lets it go by a row in its table `released`. */
const Hold = job(
  { name: 'test.hold', payload: z.looseObject({}) },
  [Postgres],
  class Hold {
    constructor(postgres) {
      this.postgres = postgres;
    }
    async run(_, task) {
      const isReleased = {
        text: `SELECT FROM "${this.postgres.schema}".released WHERE task = $1`,
      };
      while ((await this.postgres.query(isReleased, [task.id])).length === 0) {
        await rest(50, task.signal);
        task.signal.throwIfAborted();
      }
      return null;
    }
  },
);

/** Fails `times` times (counted by attempts), then succeeds. */
const Flaky = job(
  {
    name: 'test.flaky',
    payload: z.object({ times: z.number(), final: z.boolean().default(false) }),
    attempts: 3,
    backoff: { type: 'fixed', delay: 50 },
  },
  [],
  class Flaky {
    run({ times, final }, task) {
      if (task.attempt <= times) {
        const error = new RangeError(`attempt ${task.attempt} fails`);
        throw final ? new DoNotRetry(error) : error;
      }
      return { attempt: task.attempt };
    }
  },
);

const Snoozy = job(
  { name: 'test.snooze', payload: z.object({ ms: z.number() }) },
  [],
  class Snoozy {
    run({ ms }, task) {
      if (task.execution === 1) throw new Snooze(ms);
      return { execution: task.execution, attempt: task.attempt };
    }
  },
);

/** Writes a row per run into `effect` beside its checkpoint, in one transaction; then holds the transaction open for `holdMs`. */
const Effect = job(
  {
    name: 'test.effect',
    payload: z.object({
      steps: z.number().default(1),
      stepMs: z.number().default(0),
      holdMs: z.number().default(0),
      finish: z.boolean().default(false),
      resultBytes: z.number().default(0),
    }),
  },
  [Postgres],
  class Effect {
    constructor(postgres) {
      this.postgres = postgres;
    }
    async run({ steps, stepMs, holdMs, finish, resultBytes }, task) {
      const result = { steps, ...(resultBytes > 0 && { filler: 'x'.repeat(resultBytes) }) };
      for (let step = task.lastCheckpoint?.step ?? 0; step < steps; step++) {
        await this.postgres.dataSource.transaction(async (manager) => {
          await manager.query(
            `INSERT INTO "${this.postgres.schema}".effect (task, step, execution) VALUES ($1, $2, $3)`,
            [task.id, step, task.execution],
          );
          await task.checkpoint({ step: step + 1 }, { transaction: manager });
          console.log(JSON.stringify({ event: 'test.holding', task: task.id }));
          if (holdMs > 0) await rest(holdMs);
          if (finish && step + 1 === steps) await task.finish(result, { transaction: manager });
        });
        await task.progress((100 * (step + 1)) / steps);
        if (stepMs > 0) await rest(stepMs, task.signal);
      }
      return { steps };
    }
  },
);

/** Works in steps, each a checkpoint when told to, and has one plain effect at its very end. Stops at its signal between two steps. */
const Plain = job(
  {
    name: 'test.plain',
    payload: z.object({ steps: z.number(), stepMs: z.number(), checkpoints: z.boolean().default(false) }),
  },
  [Postgres],
  class Plain {
    constructor(postgres) {
      this.postgres = postgres;
    }
    async run({ steps, stepMs, checkpoints }, task) {
      for (let step = task.lastCheckpoint?.step ?? 0; step < steps; step++) {
        console.log(JSON.stringify({ event: 'test.step', task: task.id }));
        await rest(stepMs, task.signal);
        task.signal.throwIfAborted();
        if (checkpoints) await task.checkpoint({ step: step + 1 });
      }
      await this.postgres.dataSource.query(
        `INSERT INTO "${this.postgres.schema}".effect (task, step, execution) VALUES ($1, 0, $2)`,
        [task.id, task.execution],
      );
      return { steps };
    }
  },
);

/** Has a checkpoint, and says how far it is without waiting for that. */
const Careless = job(
  { name: 'test.careless', payload: z.object({ ms: z.number() }) },
  [],
  class Careless {
    async run({ ms }, task) {
      await task.checkpoint({ begun: true });
      for (let at = 0; at < ms; at += 50) {
        void task.progress((100 * at) / ms);
        await rest(50);
      }
      return null;
    }
  },
);

/** Keeps the main loop busy. */
const Block = job(
  { name: 'test.block', payload: z.object({ ms: z.number() }) },
  [],
  class Block {
    run({ ms }, task) {
      console.log(JSON.stringify({ event: 'test.blocking', task: task.id, execution: task.execution }));
      const until = Date.now() + ms;
      while (Date.now() < until);
      return { execution: task.execution };
    }
  },
);

/** Enqueues children one by one until it has been told to stop, and then two more: nestjs/bull issue 2069's scene. */
const Parent = job(
  { name: 'test.parent', payload: z.object({ afterMs: z.number() }) },
  [Tasks],
  class Parent {
    constructor(tasks) {
      this.tasks = tasks;
    }
    async run({ afterMs }, task) {
      await rest(afterMs);
      const children = [];
      for (let i = 0; i < 2; i++)
        children.push(
          (await this.tasks.enqueue('test.noop', { child: i, of: task.id }, { key: task.id })).id,
        );
      return { children };
    }
  },
);

/** Takes its process down. */
const Poison = job(
  { name: 'test.poison', payload: z.object({ afterMs: z.number().default(0) }) },
  [],
  class Poison {
    async run({ afterMs }) {
      await rest(afterMs);
      process.kill(process.pid, 'SIGKILL');
      await new Promise(() => undefined);
    }
  },
);

/** Takes PostgreSQL away, all of it, with the first line of its first `times` runs here, and fails when nobody can have heard of that. */
const timesRun = new Map();
class Outage {
  async run({ data, times }, task) {
    const runs = (timesRun.get(task.id) ?? 0) + 1;
    timesRun.set(task.id, runs);
    if (runs <= times) await killPostgres(data, task.signal);
    if (times > 1) throw new Error(`run ${runs}`);
    return { runs };
  }
}
const outage = z.object({ data: z.string(), times: z.number().default(1) });
const outageOptions = { payload: outage, backoff: { type: 'fixed', delay: 50 } };
const Outages = [
  job({ ...outageOptions, name: 'test.outage' }, [], class extends Outage {}),
  job({ ...outageOptions, name: 'test.outage-once', onWorkerLost: 'fail' }, [], class extends Outage {}),
  job({ ...outageOptions, name: 'test.outage-exclusive', exclusive: true }, [], class extends Outage {}),
];

/** Takes PostgreSQL away as it starts, and then runs until its signal fires. */
const Outlasted = job(
  { name: 'test.outlasted', payload: outage },
  [],
  class Outlasted {
    async run({ data }, task) {
      if (timesRun.has(task.id)) return 'again';
      timesRun.set(task.id, 1);
      await killPostgres(data);
      while (!task.signal.aborted) await rest(50, task.signal);
      task.signal.throwIfAborted();
    }
  },
);

async function killPostgres(data) {
  const [postmaster] = readFileSync(`${data}/postmaster.pid`, 'utf8').split('\n');
  const sessions = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ');
  for (const pid of [postmaster, ...sessions]) process.kill(Number(pid), 'SIGKILL');
  await rest(500);
}

const Fragile = job(
  { name: 'test.fragile', payload: z.object({ ms: z.number() }), onWorkerLost: 'fail' },
  [],
  class Fragile {
    async run({ ms }, task) {
      await rest(ms, task.signal);
      return null;
    }
  },
);
const Timed = job(
  { name: 'test.timed', payload: z.object({ ms: z.number() }), timeout: 300, attempts: 1 },
  [],
  class Timed {
    async run({ ms }, task) {
      await rest(ms, task.signal);
      task.signal.throwIfAborted();
      return null;
    }
  },
);
/** Known only to a release that is told of it. */
const Later = job(
  { name: 'test.later', payload: z.looseObject({}) },
  [],
  class Later {
    run() {
      return 'known';
    }
  },
);

/** Resolves early when the signal fires. */
async function rest(ms, signal) {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

class TestJobs {}
Module({
  providers: [
    Noop,
    Sleep,
    Charge,
    Hold,
    Flaky,
    Snoozy,
    Effect,
    Plain,
    Careless,
    Block,
    Parent,
    Poison,
    ...Outages,
    Outlasted,
    Fragile,
    Timed,
    ...(process.env.KNOWS_LATER === '1' ? [Later] : []),
  ],
})(TestJobs);

const hold = process.env.HOLD;
if (hold !== undefined) {
  TestSignal.named(hold)?.listen(() => {
    console.log(JSON.stringify({ event: 'test.held', at: hold }));
    return new Promise(() => undefined);
  });
}

await start(process.argv.slice(2), process.env, { imports: [TestJobs] });
