import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import Bull from 'bull';
import { bullProducer } from './bull-producer.js';

/* Raw Bull: no row anywhere; what it lost, nobody knows. */

export async function open(role, { queue, concurrency, handle }) {
  const bull = new Bull(queue, process.env.REDIS_URL);
  await bull.isReady();
  if (role === 'worker') void bull.process('bench', concurrency, async (job) => handle(job.data));
  const producer = bullProducer(bull);
  return { ...producer, listen: () => listen(producer.addOne) };
}

/** The least that a Nest app does to put a job into Bull. */
async function listen(add) {
  class JobsController {
    async enqueue(body) {
      const job = await add(body.payload);
      return { id: job.id };
    }
  }
  const method = Object.getOwnPropertyDescriptor(JobsController.prototype, 'enqueue');
  Post()(JobsController.prototype, 'enqueue', method);
  HttpCode(202)(JobsController.prototype, 'enqueue', method);
  Body()(JobsController.prototype, 'enqueue', 0);
  Controller('jobs/bench')(JobsController);
  class WebModule {}
  Module({ controllers: [JobsController] })(WebModule);
  const app = await NestFactory.create(WebModule, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  return `${await app.getUrl()}/jobs/bench`;
}
