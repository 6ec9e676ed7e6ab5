import { NoClockWatch } from '../clock/index.js';
import { RollCall } from '../fleet/index.js';
import { FailedTasks } from '../failures/index.js';
import { check, type Check } from '../foundation/index.js';
import { AttentionChecks } from '../ledger/index.js';
import { Queues } from '../tasks/index.js';
import type { Rooms } from './action.js';
import { count } from './words.js';

/** How far open FailedTasks are counted. */
const MOST_COUNTED = 200;

/** What `doctor` asks of the fleet. Needs both servers and an up-to-date schema. */
export async function checkFleet(rooms: Rooms): Promise<Check[]> {
  return Promise.all([
    checkProcesses(rooms),
    checkQueues(rooms),
    checkClock(rooms),
    checkParked(rooms),
    checkFailed(rooms),
  ]);
}

async function checkProcesses(rooms: Rooms): Promise<Check> {
  const { live, silent } = await rooms.get(RollCall).roll();
  const roles = live.flatMap((process) => process.roles);
  const alive = `${count(live.length, 'process')} alive${live.length === 0 ? '' : ` (${[...new Set(roles)].map((role) => `${roles.filter((each) => each === role).length} ${role}`).join(', ')})`}`;
  const lost =
    silent.length === 0
      ? ''
      : `; silent: ${silent.map((process) => `${process.id} on ${process.host}`).join(', ')}`;
  return check(
    'processes',
    silent.length === 0,
    `${alive}${lost}.`,
    'A process that died is forgotten within 10 s; one that stays silent is cut off from Redis.',
  );
}

async function checkQueues(rooms: Rooms): Promise<Check> {
  const queues = await rooms.get(Queues).list();
  const abandoned = queues.filter((queue) => queue.backlog > 0 && queue.workers === 0);
  const names = abandoned.map((queue) => `${queue.name} (${count(queue.backlog, 'task')})`).join(', ');
  return check(
    'queues',
    abandoned.length === 0,
    abandoned.length === 0
      ? 'Every queue with waiting tasks has a worker.'
      : `Tasks wait and no live worker serves the queue: ${names}.`,
    'Start a worker with these queues in its QUEUES.',
  );
}

async function checkClock(rooms: Rooms): Promise<Check> {
  const { leads, isNeeded } = await rooms.get(NoClockWatch).report();
  const message = !isNeeded
    ? 'No schedule is enabled, so no clock is needed.'
    : leads === true
      ? 'A clock leads.'
      : 'Schedules are enabled and no clock leads: nothing recurring starts.';
  return check('clock', !isNeeded || leads === true, message, 'Start a clock: node dist/main.js clock');
}

async function checkParked(rooms: Rooms): Promise<Check> {
  const parked = await rooms.get(AttentionChecks).parked();
  const names = parked.map(({ job, tasks }) => `${job} (${count(tasks, 'task')})`).join(', ');
  return check(
    'parked-jobs',
    parked.length === 0,
    parked.length === 0
      ? 'No task waits for a process that knows its job.'
      : `No live process knows these jobs, so their tasks wait: ${names}.`,
    'Deploy the release that has them, or cancel the tasks: POST /tasks/cancel.',
  );
}

// For information: what failed is a person's business, not a fault of the installation.
async function checkFailed(rooms: Rooms): Promise<Check> {
  const { items, nextCursor } = await rooms.get(FailedTasks).list({ state: 'OPEN' }, MOST_COUNTED);
  const open =
    nextCursor === null ? count(items.length, 'failed task') : `More than ${MOST_COUNTED} failed tasks`;
  return check(
    'failed-tasks',
    true,
    items.length === 0 ? 'No failed task is open.' : `${open} open: shiftwork failed`,
    '',
  );
}
