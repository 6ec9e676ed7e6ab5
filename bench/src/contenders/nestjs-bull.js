import 'reflect-metadata';
import { BullModule, getQueueToken, Process, Processor } from '@nestjs/bull';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/* Bull as Nest apps use it: a module, a class with @Process, and no row anywhere. */

const OPTIONS = { removeOnComplete: true, removeOnFail: true };

export async function open(role, { queue: bench, concurrency, handle }) {
  const name = `${bench}-nest`;
  class BenchProcessor {
    run(job) {
      return handle(job.data);
    }
  }
  const run = Object.getOwnPropertyDescriptor(BenchProcessor.prototype, 'run');
  Process({ name: 'bench', concurrency })(BenchProcessor.prototype, 'run', run);
  Processor(name)(BenchProcessor);
  class BenchModule {}
  Module({
    imports: [BullModule.forRoot({ url: process.env.REDIS_URL }), BullModule.registerQueue({ name })],
    providers: role === 'worker' ? [BenchProcessor] : [],
  })(BenchModule);

  const app = await NestFactory.createApplicationContext(BenchModule, { logger: false });
  const queue = app.get(getQueueToken(name));
  await queue.isReady();
  return {
    addOne: (payload, { dueAt } = {}) =>
      queue.add(
        'bench',
        payload,
        dueAt === undefined ? OPTIONS : { ...OPTIONS, delay: Math.max(0, dueAt - Date.now()) },
      ),
    addMany: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'bench', data, opts: OPTIONS }))),
  };
}
