import { ClockModule, Schedules, type ScheduleView, type TickView } from '../../clock/index.js';
import type { Action, Needs, Rooms, Session } from '../action.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { jsonArgument } from '../options.js';
import type { Column } from '../table.js';
import { taskCard } from '../task-text.js';
import { duration } from '../words.js';

const rooms: Needs = { modules: [ClockModule], redis: 'wanted' };

export const listSchedules: Action = { rooms, run: list };
export const runSchedule: Action<[name: string]> = { rooms, run };
export const pauseSchedule: Action<[name: string]> = {
  rooms,
  run: async (cli, opened, name) => say(cli, await opened.get(Schedules).pause(name)),
};
export const resumeSchedule: Action<[name: string]> = {
  rooms,
  run: async (cli, opened, name) => say(cli, await opened.get(Schedules).resume(name)),
};
export const listTicks: Action<[name: string]> = { rooms, run: ticks };
export const deleteSchedule: Action<[name: string]> = { rooms, run: remove };
export const putSchedule: Action<[name: string, body: string]> = { rooms, run: put };

async function list(cli: Session, rooms: Rooms): Promise<ExitCode> {
  cli.output.list(await rooms.get(Schedules).list(), COLUMNS, 'There is no schedule.');
  return EXIT.done;
}

async function run(cli: Session, rooms: Rooms, name: string): Promise<ExitCode> {
  const { warnings, isNew: _, ...task } = await rooms.get(Schedules).run(name);
  for (const warning of warnings) cli.output.note(`Note: ${warning.message}`);
  cli.output.answer(
    task,
    () => `${taskCard(task, Date.now())}\n\nFollow it: shiftwork task ${task.id} --follow`,
  );
  return EXIT.done;
}

async function put(cli: Session, rooms: Rooms, name: string, body: string): Promise<ExitCode> {
  const parsed = await jsonArgument(body, 'schedule', cli.interrupted);
  const { schedule, isNew } = await rooms.get(Schedules).put(name, parsed);
  cli.output.answer(
    schedule,
    () => `${schedule.name} was ${isNew ? 'made' : 'changed'}. Next: ${schedule.nextAt ?? 'never'}`,
  );
  return EXIT.done;
}

async function remove(cli: Session, rooms: Rooms, name: string): Promise<ExitCode> {
  await rooms.get(Schedules).delete(name);
  cli.output.answer({ deleted: name }, () => `${name} was deleted.`);
  return EXIT.done;
}

async function ticks(cli: Session, rooms: Rooms, name: string): Promise<ExitCode> {
  const page = await rooms.get(Schedules).ticks(name);
  cli.output.list(page.items, TICK_COLUMNS, 'It has not been due yet.', { nextCursor: page.nextCursor });
  return EXIT.done;
}

function say(cli: Session, schedule: ScheduleView): ExitCode {
  cli.output.answer(schedule, () =>
    schedule.enabled
      ? `${schedule.name} fires. Next: ${schedule.nextAt ?? 'never'}`
      : `${schedule.name} is paused.`,
  );
  return EXIT.done;
}

function ruleOf({ cron, every, at, timeZone }: ScheduleView): string {
  if (cron !== null) return timeZone === 'UTC' ? cron : `${cron} ${timeZone}`;
  return every === null ? `at ${at ?? '?'}` : `every ${duration(every)}`;
}

const COLUMNS: readonly Column<ScheduleView>[] = [
  { heading: 'SCHEDULE', of: (it) => it.name },
  { heading: 'JOB', of: (it) => it.job },
  { heading: 'WHEN', of: ruleOf },
  { heading: 'NEXT', of: (it) => (it.enabled ? it.nextAt : 'paused') },
  { heading: 'LAST', of: (it) => it.last?.dueAt ?? null },
  { heading: 'OUTCOME', of: (it) => it.last?.outcome ?? null },
  { heading: 'SOURCE', of: (it) => it.source },
];

const TICK_COLUMNS: readonly Column<TickView>[] = [
  { heading: 'DUE', of: (it) => it.dueAt },
  { heading: 'UNTIL', of: (it) => it.until },
  { heading: 'COUNT', of: (it) => it.count, align: 'right' },
  { heading: 'OUTCOME', of: (it) => it.outcome },
  { heading: 'LATE BY', of: (it) => duration(it.lateBy), align: 'right' },
  { heading: 'TASK', of: (it) => it.task },
  { heading: 'REASON', of: (it) => it.reason },
];
