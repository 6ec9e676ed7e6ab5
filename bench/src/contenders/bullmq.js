import { Queue, Worker } from 'bullmq';
import { bullProducer } from './bull-producer.js';

export async function open(role, { queue, concurrency, handle }) {
  const { hostname: host, port } = new URL(process.env.REDIS_URL);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const bullmq = new Queue(`${queue}-mq`, { connection });
  await bullmq.waitUntilReady();
  if (role === 'worker')
    new Worker(`${queue}-mq`, async (job) => handle(job.data), { connection, concurrency });
  return bullProducer(bullmq);
}
