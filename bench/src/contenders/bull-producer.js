const OPTIONS = { removeOnComplete: true, removeOnFail: true };

/** What Bull, BullMQ and @nestjs/bull have in common: how jobs are put into a queue. */
export function bullProducer(queue) {
  return {
    addOne: (payload, options) => queue.add('bench', payload, optionsOf(options)),
    addMany: (payloads, options) => {
      const opts = optionsOf(options);
      return queue.addBulk(payloads.map((data) => ({ name: 'bench', data, opts })));
    },
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  };
}

function optionsOf({ dueAt, priority } = {}) {
  if (dueAt !== undefined) return { ...OPTIONS, delay: Math.max(0, dueAt - Date.now()) };
  return priority === undefined ? OPTIONS : { ...OPTIONS, priority };
}
