const OPTIONS = { removeOnComplete: true, removeOnFail: true };

/** What Bull, BullMQ and @nestjs/bull have in common: how jobs are put into a queue. */
export function bullProducer(queue) {
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
