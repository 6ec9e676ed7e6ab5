// The app of walk c, run as real processes: `node test/support/failing-app.js ROLE`, with jobs that fail for good. HANDLERS
// lists failure handlers to have (hangs, throws, kills, tells); HOLD names a test signal at which the process stops for ever,
// the first time or, with HOLD_AT, the time of that number.
import 'reflect-metadata';
import { setTimeout as rest } from 'node:timers/promises';
import { Inject, Injectable, Module } from '@nestjs/common';
import { z } from 'zod';
import { TestSignal } from '../../dist/foundation/index.js';
import { DoNotRetry, FailureHandler, JobHandler, Postgres, start } from '../../dist/index.js';

const FAST = { attempts: 3, backoff: { type: 'fixed', delay: 20 } };

/** Fails, quoting its secret, until somebody has made the table `fixed`. */
class Broken {
  constructor(postgres) {
    this.postgres = postgres;
  }
  async run({ token, order }, task) {
    const [{ fixed }] = await this.postgres.query({ text: `SELECT to_regclass($1) IS NOT NULL AS fixed` }, [
      `"${this.postgres.schema}".fixed`,
    ]);
    if (!fixed) throw new TypeError(`order ${order} was refused for ${token}, attempt ${task.attempt}`);
    return { order };
  }
}
Inject(Postgres)(Broken, undefined, 0);
JobHandler({
  name: 'test.broken',
  payload: z.strictObject({ order: z.number(), token: z.string().meta({ secret: true }).optional() }),
  ...FAST,
})(Broken);

/** The same in one attempt, for many. */
class BrokenOnce extends Broken {}
Inject(Postgres)(BrokenOnce, undefined, 0);
JobHandler({ name: 'test.brokenOnce', payload: z.strictObject({ order: z.number() }), attempts: 1 })(
  BrokenOnce,
);

/** Fails in one attempt, for ten causes in turn. */
class Manifold {
  async run({ order }) {
    throw Object.assign(new Error(`order ${order} was refused`), { name: `Cause${order % 10}` });
  }
}
JobHandler({ name: 'test.manifold', payload: z.strictObject({ order: z.number() }), attempts: 1 })(Manifold);

/** Says that it runs, waits, and must not be tried again. */
class Hopeless {
  async run({ ms }, task) {
    console.log(JSON.stringify({ event: 'test.running', task: task.id }));
    await rest(ms);
    console.log(JSON.stringify({ event: 'test.failing', task: task.id }));
    throw new DoNotRetry(new Error('there is no hope'));
  }
}
JobHandler({ name: 'test.hopeless', payload: z.strictObject({ ms: z.number() }) })(Hopeless);

/** Runs until the test lets it go by a row in its table `released`, and then must not be tried again. */
class Held {
  constructor(postgres) {
    this.postgres = postgres;
  }
  async run(_, task) {
    const isReleased = { text: `SELECT FROM "${this.postgres.schema}".released WHERE task = $1` };
    while ((await this.postgres.query(isReleased, [task.id])).length === 0)
      await rest(50, undefined, { signal: task.signal });
    throw new DoNotRetry(new Error('there is no hope'));
  }
}
Inject(Postgres)(Held, undefined, 0);
JobHandler({ name: 'test.hold', payload: z.strictObject({}) })(Held);

const LINKS = {
  hangs: () => new Promise(() => undefined),
  throws: () => {
    throw new Error('the handler is broken');
  },
  kills: () => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => undefined);
  },
  tells: (failure) => {
    console.log(JSON.stringify({ event: 'test.told', task: failure.task, failure }));
  },
};

function link(name) {
  const type = {
    [name]: class {
      handle = LINKS[name];
    },
  }[name];
  Injectable()(type);
  FailureHandler({ order: Object.keys(LINKS).indexOf(name) })(type);
  return type;
}

class FailingJobs {}
const handlers = (process.env.HANDLERS ?? '').split(',').filter(Boolean).map(link);
Module({ providers: [Broken, BrokenOnce, Manifold, Hopeless, Held, ...handlers] })(FailingJobs);

const hold = process.env.HOLD;
if (hold !== undefined) {
  let left = Number(process.env.HOLD_AT ?? 1);
  TestSignal.named(hold)?.listen(() => {
    if (--left > 0) return undefined;
    console.log(JSON.stringify({ event: 'test.held', at: hold }));
    return new Promise(() => undefined);
  });
}

await start(process.argv.slice(2), process.env, { imports: [FailingJobs] });
