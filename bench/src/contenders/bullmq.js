import { Queue, Worker } from 'bullmq';

const OPTIONS = { removeOnComplete: true, removeOnFail: true };

export async function open(role, { queue, concurrency, handle }) {
  const { hostname: host, port } = new URL(process.env.REDIS_URL);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const bullmq = new Queue(`${queue}-mq`, { connection });
  await bullmq.waitUntilReady();
  if (role === 'worker')
    new Worker(`${queue}-mq`, async (job) => handle(job.data), { connection, concurrency });
  return {
    addOne: (payload, { dueAt } = {}) =>
      bullmq.add(
        'bench',
        payload,
        dueAt === undefined ? OPTIONS : { ...OPTIONS, delay: Math.max(0, dueAt - Date.now()) },
      ),
    addMany: (payloads) => bullmq.addBulk(payloads.map((data) => ({ name: 'bench', data, opts: OPTIONS }))),
  };
}
