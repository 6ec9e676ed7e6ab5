import { Tasks, TasksModule, type EnqueueOptions, type TaskView } from '../../tasks/index.js';
import type { Action, Rooms, Session } from '../action.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { exitCodeOfTask, followToEnd } from '../follow.js';
import { jsonArgument } from '../options.js';
import { ProgressBar } from '../progress-bar.js';
import { taskCard } from '../task-text.js';

interface EnqueueFlags {
  readonly wait?: boolean;
  /** ms, as `timeout`. */
  readonly delay?: number;
  readonly runAt?: Date;
  readonly key?: string;
  readonly priority?: number;
  readonly attempts?: number;
  readonly timeout?: number;
  readonly idempotencyKey?: string;
  readonly requireWorker?: boolean;
}

export const enqueue: Action<[job: string, payload: string, flags: EnqueueFlags]> = {
  rooms: { modules: [TasksModule], redis: 'wanted' },
  run,
};

async function run(
  cli: Session,
  rooms: Rooms,
  job: string,
  payload: string,
  flags: EnqueueFlags,
): Promise<ExitCode> {
  const parsed = await jsonArgument(payload, 'payload', cli.interrupted);
  const { warnings, isNew, ...task } = await rooms.get(Tasks).enqueue(job, parsed, optionsOf(flags));
  for (const warning of warnings) cli.output.note(`Note: ${warning.message}`);
  if (!isNew) cli.output.note('Note: a task with this idempotency key exists already; this is it.');
  if (flags.wait === true) return waitForEnd(cli, rooms, task);
  cli.output.answer(
    task,
    () => `${taskCard(task, Date.now())}\n\nFollow it: shiftwork task ${task.id} --follow`,
  );
  return EXIT.done;
}

async function waitForEnd(cli: Session, rooms: Rooms, task: TaskView): Promise<ExitCode> {
  const { output, interrupted } = cli;
  output.note(`Task ${task.id}`);
  const bar = new ProgressBar(output.streams.stderr);
  try {
    const ended = await followToEnd(rooms, task.id, interrupted, (event) => {
      if (event.event === 'status') bar.show({ status: event.data.status, ...event.data.progress });
      if (event.event === 'progress') bar.show(event.data);
    });
    bar.show({ status: ended.status, ...ended.progress });
    bar.stop();
    if (interrupted.aborted)
      output.note(`Not waiting any longer; the task goes on. shiftwork task ${task.id} --follow`);
    output.answer(ended, () => taskCard(ended, Date.now()));
    return interrupted.aborted ? EXIT.interrupted : exitCodeOfTask(ended);
  } finally {
    bar.stop();
  }
}

function optionsOf({
  delay,
  runAt,
  key,
  priority,
  attempts,
  timeout,
  idempotencyKey,
  requireWorker,
}: EnqueueFlags): EnqueueOptions {
  return { delay, runAt, key, priority, attempts, timeout, idempotencyKey, requireWorker };
}
