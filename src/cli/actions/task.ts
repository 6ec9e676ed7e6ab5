import { isId } from '../../foundation/index.js';
import { TaskNotFoundError, Tasks, TasksModule, type LogView, type TaskEvent } from '../../tasks/index.js';
import type { Action, Rooms, Session } from '../action.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { followToEnd } from '../follow.js';
import { executionsTable, taskCard } from '../task-text.js';

interface TaskFlags {
  readonly follow?: boolean;
  readonly logs?: boolean;
}

export const task: Action<[id: string, flags: TaskFlags]> = {
  rooms: { modules: [TasksModule], redis: 'wanted' },
  run,
};

async function run(cli: Session, rooms: Rooms, typed: string, flags: TaskFlags): Promise<ExitCode> {
  const id = typed.toLowerCase();
  if (!isId(id)) throw new TaskNotFoundError(id);
  if (flags.follow === true) return follow(cli, rooms, id);
  return flags.logs === true ? logs(cli, rooms, id) : show(cli, rooms, id);
}

async function show(cli: Session, rooms: Rooms, id: string): Promise<ExitCode> {
  const found = await rooms.get(Tasks).get(id);
  cli.output.answer(found, () =>
    [taskCard(found, Date.now()), executionsTable(found.executions)]
      .filter((part) => part !== '')
      .join('\n\n'),
  );
  return EXIT.done;
}

async function logs(cli: Session, rooms: Rooms, id: string): Promise<ExitCode> {
  const items = await allLogs(rooms.get(Tasks), id);
  cli.output.answer(
    { items },
    () =>
      items.map((line) => `${line.at}  ${line.level.padEnd(5)}  ${line.message}`).join('\n') ||
      'It has logged nothing.',
  );
  return EXIT.done;
}

// At most a thousand lines of a task are kept.
async function allLogs(tasks: Tasks, id: string): Promise<LogView[]> {
  let page = await tasks.logs(id, 200, null);
  const items = [...page.items];
  while (page.nextCursor !== null) {
    page = await tasks.logs(id, 200, page.nextCursor);
    items.push(...page.items);
  }
  return items;
}

async function follow(cli: Session, rooms: Rooms, id: string): Promise<ExitCode> {
  const say = lineTeller();
  await followToEnd(rooms, id, cli.interrupted, (event) => {
    const text = cli.output.json ? '' : say(event);
    if (text !== null) cli.output.answer({ event: event.event, data: event.data }, () => text);
  });
  return cli.interrupted.aborted ? EXIT.interrupted : EXIT.done;
}

// A status event comes at every change of the task, also when only its progress changed: said once each.
function lineTeller(): (event: TaskEvent) => string | null {
  let last = '';
  const unlessSame = (text: string): string | null => {
    if (text === last) return null;
    last = text;
    return text;
  };
  return (event) => {
    switch (event.event) {
      case 'status':
        return unlessSame(
          `${event.data.status}${event.data.error === null ? '' : `: ${event.data.error.message}`}`,
        );
      case 'progress':
        return `  ${Math.floor(event.data.percent)} %  ${event.data.message ?? ''}`.trimEnd();
      case 'log':
        return `  ${event.data.level}: ${event.data.message}`;
    }
  };
}
