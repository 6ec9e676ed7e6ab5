import BeeQueue from 'bee-queue';

export async function open(role, { queue: name, concurrency, handle }) {
  const queue = new BeeQueue(name, {
    redis: process.env.REDIS_URL,
    isWorker: role === 'worker',
    getEvents: false,
    sendEvents: false,
    storeJobs: false,
    removeOnSuccess: true,
    removeOnFailure: true,
    activateDelayedJobs: role === 'worker',
  });
  await queue.ready();
  if (role === 'worker') queue.process(concurrency, async (job) => handle(job.data));
  return {
    addOne: (payload, { dueAt } = {}) => {
      const job = queue.createJob(payload);
      return (dueAt === undefined ? job : job.delayUntil(dueAt)).save();
    },
    addMany: async (payloads) => {
      const errors = await queue.saveAll(payloads.map((payload) => queue.createJob(payload)));
      for (const error of errors.values()) throw error;
    },
  };
}
