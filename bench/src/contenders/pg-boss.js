import { PgBoss } from 'pg-boss';

/* Tuned as its documents suggest: batches of the concurrency, the next at once while they come back full, the shortest polling it allows. */

export async function open(role, { queue, concurrency, handle }) {
  const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, max: 10 });
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue(queue).catch(() => {}); // another process of ours has just made it
  if (role === 'worker') {
    await boss.work(
      queue,
      { batchSize: Math.max(1, concurrency), pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
      async (jobs) => {
        await Promise.all(jobs.map((job) => handle(job.data)));
      },
    );
  }
  return {
    addOne: (payload, { dueAt } = {}) =>
      boss.send(queue, payload, dueAt === undefined ? {} : { startAfter: new Date(dueAt) }),
    addMany: (payloads) =>
      boss.insert(
        queue,
        payloads.map((data) => ({ data })),
      ),
  };
}
