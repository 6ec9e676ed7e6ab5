import 'reflect-metadata';
import { z } from 'zod';
import { JobHandler, Queues, start, Tasks, Telemetry } from '../../../dist/index.js';
import { Module } from '@nestjs/common';

/* The ready-made app as users run it: validation, logs at info, locks, heartbeats, backlog limits, all switched on. */

const Payload = z.strictObject({
  at: z.number(),
  imageId: z.uuid(),
  widths: z.array(z.int().min(1).max(10_000)),
  format: z.enum(['webp', 'avif', 'jpeg']),
  note: z.string().max(200),
});

export async function open(role, { queue, concurrency, handle }) {
  class BenchJob {
    run(payload) {
      return handle(payload);
    }
  }
  JobHandler({ name: `bench.${queue}`, queue, payload: Payload })(BenchJob);

  let tasks;
  let queues;
  let url;
  const useFactory = (foundTasks, foundQueues, telemetry) => {
    tasks = foundTasks;
    queues = foundQueues;
    telemetry.addSink(({ name, fields }) => {
      if (name === 'process.listening') url = fields.url;
    });
  };
  class BenchModule {}
  Module({
    providers: [BenchJob, { provide: 'bench.doors', useFactory, inject: [Tasks, Queues, Telemetry] }],
  })(BenchModule);

  process.env.QUEUES = `${queue}:${concurrency ?? 1}`;
  await start([role], process.env, { imports: [BenchModule] });
  return {
    listen: () => `${url}/jobs/bench.${queue}`,
    addOne: (payload, { dueAt, ...options } = {}) =>
      tasks.enqueue(BenchJob, payload, dueAt === undefined ? options : { runAt: new Date(dueAt) }),
    addMany: (payloads, options) => tasks.enqueueMany(BenchJob, payloads, options),
    pause: () => queues.pause(queue, 'bench'),
    resume: () => queues.resume(queue, 'bench'),
  };
}
