import { FailedTasks, FailuresModule } from '../../failures/index.js';
import { userAtHost } from '../../foundation/index.js';
import type { FailedTaskFilter, FailedTaskState } from '../../ledger/index.js';
import type { Action, Needs, Rooms, Session } from '../action.js';
import { EXIT, UsageError, type ExitCode } from '../exit-codes.js';
import { detailsText, FAILED_COLUMNS, GROUP_COLUMNS } from '../failed-text.js';
import { jsonArgument } from '../options.js';
import { count } from '../words.js';

interface FilterFlags {
  readonly job?: string;
  readonly queue?: string;
  readonly key?: string;
  readonly fingerprint?: string;
  readonly all?: boolean;
}

interface ListFlags extends FilterFlags {
  readonly state?: FailedTaskState;
  readonly groups?: boolean;
  readonly limit: number;
  readonly cursor?: string;
}

type RetryFlags = FilterFlags & { readonly payload?: string };
type DismissFlags = FilterFlags & { readonly reason?: string };

const rooms: Needs = { modules: [FailuresModule], redis: 'wanted' };

export const listFailed: Action<[ListFlags]> = { rooms, run: list };
export const showFailed: Action<[id: string]> = { rooms, run: show };
export const retryFailed: Action<[id: string | undefined, flags: RetryFlags]> = { rooms, run: retry };
export const dismissFailed: Action<[id: string | undefined, flags: DismissFlags]> = { rooms, run: dismiss };

async function list(
  cli: Session,
  rooms: Rooms,
  { state: inState, groups, limit, cursor, ...flags }: ListFlags,
): Promise<ExitCode> {
  const filter: FailedTaskFilter = { ...filterOf(flags), state: inState };
  const most = Math.min(limit, 200);
  const failed = rooms.get(FailedTasks);
  if (groups === true) {
    const page = await failed.groups(filter, most, cursor ?? null);
    cli.output.list(page.items, GROUP_COLUMNS, 'Nothing has failed.', { nextCursor: page.nextCursor });
    noteMore(cli, page.nextCursor);
    return EXIT.done;
  }
  const page = await failed.list(filter, most, cursor ?? null);
  cli.output.list(page.items, FAILED_COLUMNS, 'Nothing has failed.', { nextCursor: page.nextCursor });
  noteMore(cli, page.nextCursor);
  return EXIT.done;
}

function noteMore(cli: Session, nextCursor: string | null): void {
  if (nextCursor !== null && !cli.output.json) cli.output.note(`There are more: --cursor ${nextCursor}`);
}

async function show(cli: Session, rooms: Rooms, id: string): Promise<ExitCode> {
  const details = await rooms.get(FailedTasks).get(id.toLowerCase());
  cli.output.answer(details, () => detailsText(details));
  return EXIT.done;
}

async function retry(
  cli: Session,
  rooms: Rooms,
  id: string | undefined,
  flags: RetryFlags,
): Promise<ExitCode> {
  const by = userAtHost();
  if (id === undefined) {
    if (flags.payload !== undefined)
      throw new UsageError('--payload belongs to one FailedTask: give its id.');
    const answer = await rooms.get(FailedTasks).retryMany(neededFilter(flags), by);
    cli.output.answer(
      answer,
      () =>
        `${count(answer.matched, 'failed task')} will be run again by task ${answer.task}. Follow it: shiftwork task ${answer.task} --follow`,
    );
    return EXIT.done;
  }
  refuseFilter(flags);
  const payload =
    flags.payload === undefined
      ? {}
      : { payload: await jsonArgument(flags.payload, 'payload', cli.interrupted) };
  const { failedTask, task, isNew } = await rooms
    .get(FailedTasks)
    .retry(id.toLowerCase(), { ...payload, by });
  cli.output.answer(
    { failedTask, task },
    () =>
      `${isNew ? 'Retried as' : 'It had been retried before, as'} task ${task.id} (${task.status}). Follow it: shiftwork task ${task.id} --follow`,
  );
  return EXIT.done;
}

async function dismiss(
  cli: Session,
  rooms: Rooms,
  id: string | undefined,
  { reason, ...flags }: DismissFlags,
): Promise<ExitCode> {
  const by = userAtHost();
  if (id === undefined) {
    const answer = await rooms.get(FailedTasks).dismissMany(neededFilter(flags), { reason, by });
    cli.output.answer(answer, () => `${count(answer.matched, 'failed task')} dismissed.`);
    return EXIT.done;
  }
  refuseFilter(flags);
  const details = await rooms.get(FailedTasks).dismiss(id.toLowerCase(), { reason, by });
  cli.output.answer(details, () => `${details.id} is ${details.state}.`);
  return EXIT.done;
}

function filterOf({ job, queue, key, fingerprint }: FilterFlags): FailedTaskFilter {
  return { job, queue, key, fingerprint };
}

// "Everything" must be said, not forgotten.
function neededFilter(flags: FilterFlags): FailedTaskFilter {
  const filter = filterOf(flags);
  if (flags.all !== true && Object.values(filter).every((value) => value === undefined)) {
    throw new UsageError(
      'Give the id of one, or which ones: --job, --queue, --key, --fingerprint, or --all.',
    );
  }
  return filter;
}

function refuseFilter(flags: FilterFlags): void {
  if (flags.all === true || Object.values(filterOf(flags)).some((value) => value !== undefined))
    throw new UsageError('Give either the id of one, or a filter, not both.');
}
