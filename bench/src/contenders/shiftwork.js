import 'reflect-metadata';
import { z } from 'zod';
import { JobHandler, start, Tasks, Telemetry } from '../../../dist/index.js';
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
  let url;
  const useFactory = (found, telemetry) => {
    tasks = found;
    telemetry.addSink(({ name, fields }) => {
      if (name === 'process.listening') url = fields.url;
    });
  };
  class BenchModule {}
  Module({
    providers: [BenchJob, { provide: 'bench.doors', useFactory, inject: [Tasks, Telemetry] }],
  })(BenchModule);

  process.env.QUEUES = `${queue}:${concurrency ?? 1}`;
  await start([role], process.env, { imports: [BenchModule] });
  return {
    listen: () => `${url}/jobs/bench.${queue}`,
    addOne: (payload, { dueAt } = {}) =>
      tasks.enqueue(BenchJob, payload, dueAt === undefined ? {} : { runAt: new Date(dueAt) }),
    addMany: (payloads) => tasks.enqueueMany(BenchJob, payloads),
  };
}
