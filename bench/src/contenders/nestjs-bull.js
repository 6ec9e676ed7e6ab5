import 'reflect-metadata';
import { BullModule, getQueueToken, Process, Processor } from '@nestjs/bull';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { bullProducer } from './bull-producer.js';

/* Bull as Nest apps use it: a module, a class with @Process, and no row anywhere. */

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
  return bullProducer(queue);
}
