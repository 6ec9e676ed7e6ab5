import { run, makeWorkerUtils } from 'graphile-worker';

/* Tuned: a local queue that fetches ahead, completions in batches. It deletes its rows. */

export async function open(role, { queue, concurrency, handle }) {
  const connectionString = process.env.DATABASE_URL;
  const utils = await makeWorkerUtils({ connectionString });
  await utils.migrate();
  if (role === 'worker') {
    await run({
      connectionString,
      concurrency,
      maxPoolSize: 10,
      noHandleSignals: true,
      taskList: { [queue]: async (payload) => handle(payload) },
      preset: {
        worker: { localQueue: { size: concurrency * 4 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 },
      },
    });
  }
  return {
    addOne: (payload, { dueAt } = {}) =>
      utils.addJob(queue, payload, dueAt === undefined ? {} : { runAt: new Date(dueAt) }),
    addMany: (payloads) => utils.addJobs(payloads.map((payload) => ({ identifier: queue, payload }))),
  };
}
