import { userAtHost } from '../../foundation/index.js';
import { Queues, TasksModule, type QueueView } from '../../tasks/index.js';
import type { Action } from '../action.js';
import type { Output } from '../output.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Column } from '../table.js';
import { duration } from '../words.js';

const modules = [TasksModule];

export const listQueues: Action = {
  rooms: { modules, redis: 'wanted' },
  async run({ output }, rooms) {
    output.list(await rooms.get(Queues).list(), COLUMNS, 'There is no queue.');
    return EXIT.done;
  },
};

export const pauseQueue: Action<[queue: string]> = {
  rooms: { modules },
  run: async ({ output }, rooms, queue) => say(output, await rooms.get(Queues).pause(queue, userAtHost())),
};

export const resumeQueue: Action<[queue: string]> = {
  rooms: { modules },
  run: async ({ output }, rooms, queue) => say(output, await rooms.get(Queues).resume(queue, userAtHost())),
};

function say(output: Output, queue: QueueView): ExitCode {
  output.answer(
    queue,
    () => `The queue ${queue.name} ${queue.paused ? 'is paused' : 'works'}; ${queue.backlog} wait.`,
  );
  return EXIT.done;
}

const COLUMNS: readonly Column<QueueView>[] = [
  { heading: 'QUEUE', of: (it) => it.name },
  { heading: 'BACKLOG', of: (it) => it.backlog, align: 'right' },
  { heading: 'LATENCY', of: (it) => (it.latency === 0 ? null : duration(it.latency)), align: 'right' },
  { heading: 'RUNNING', of: (it) => it.running, align: 'right' },
  { heading: 'SCHEDULED', of: (it) => it.scheduled, align: 'right' },
  { heading: 'RETRYING', of: (it) => it.retrying, align: 'right' },
  { heading: 'WORKERS', of: (it) => it.workers, align: 'right' },
  { heading: 'SLOTS', of: (it) => it.slots, align: 'right' },
  { heading: 'LIMIT', of: (it) => it.limit, align: 'right' },
  {
    heading: 'PAUSED',
    of: (it) => (it.paused ? `by ${it.pausedBy ?? 'somebody'} since ${it.pausedAt ?? '?'}` : null),
  },
];
