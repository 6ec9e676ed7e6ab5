import type { SupervisedChild } from '../../dev/index.js';
import { Board, chapter, say } from './board.js';
import type { Fleet } from './fleet.js';
import { Receiver } from './receiver.js';
import { FINAL, type Rest, type TaskSeen } from './rest.js';
import { waitUntil } from './wait-until.js';

/** Lines of samples/airports.csv after the header. */
const AIRPORTS = 3_376;
const DELIVERIES = 6;
const PATIENCE_MS = 120_000;

/** What the story needs to be told. */
export interface Stage {
  rest: Rest;
  fleet: Fleet;
  worker: SupervisedChild;
  secret: string;
  signal: AbortSignal;
}

/** Tells the whole story. Throws when any part of it did not happen as promised. */
export async function tell(stage: Stage): Promise<void> {
  await work(stage);
  await deploy(stage);
  await drain(stage);
  chapter('All of it happened as promised.');
}

async function work({ rest, signal }: Stage): Promise<void> {
  chapter('1. Work: real photographs become thumbnails, a real CSV becomes rows');
  const photos = ['rocket.jpg', 'hubble_deep_field.jpg', 'astronaut.png', 'coffee.png'];
  const tasks = [
    ...(await Promise.all(
      photos.map(async (source) =>
        named(
          source,
          await rest.enqueue('images.thumbnail', { source, widths: [64, 160, 320, 480], format: 'webp' }),
        ),
      ),
    )),
    named(
      'airports.csv',
      await rest.enqueue('csv.import', { file: 'airports.csv', dataset: 'airports', batchSize: 50 }),
    ),
  ];
  const ended = await watch(rest, tasks, signal);
  for (const { task } of ended) say(describeResult(task));
  demand(
    rowsOf(ended.at(-1)?.task) === AIRPORTS,
    `every one of the ${String(AIRPORTS)} airports is imported`,
  );
}

async function deploy({ rest, fleet, worker, secret, signal }: Stage): Promise<void> {
  chapter('2. A deploy in the middle of the work: SIGTERM to the worker, a new one starts');
  const receiver = new Receiver(secret, 1_500);
  try {
    const url = await receiver.start();
    const imported = await rest.enqueue('csv.import', {
      file: 'airports.csv',
      dataset: 'airports-in-a-deploy',
      batchSize: 2,
    });
    const deliveries = await Promise.all(
      Array.from({ length: DELIVERIES }, (_, i) =>
        rest.enqueue('webhook.deliver', { url, body: { invoice: i + 1 } }),
      ),
    );
    const watching = watch(
      rest,
      [
        named('airports.csv, row by row', imported),
        ...deliveries.map((task, i) => named(`webhook ${String(i + 1)}`, task)),
      ],
      signal,
    );
    watching.catch(() => undefined); // awaited below
    await waitUntil(
      'the import to be on its way',
      async () => isOnItsWay(await rest.task(imported.id)),
      PATIENCE_MS,
    );
    const [how] = await Promise.all([
      replace(worker),
      rest.workers().then(() => fleet.start('worker', 'worker-2')),
    ]);
    const ended = await watching;
    say(`the old worker ended with ${how}`);
    await judge(rest, imported.id, ended, receiver, how);
  } finally {
    receiver.stop();
  }
}

function isOnItsWay(task: TaskSeen): boolean {
  if (FINAL.includes(task.status))
    throw new Error(`The import ended (${task.status}) before the deploy could begin`);
  return task.status === 'STARTED' && lineOf(task.checkpoint) > AIRPORTS / 20;
}

async function replace(worker: SupervisedChild): Promise<string> {
  await worker.stop(30_000); // SIGTERM; SIGKILL only if it outlives its grace
  return worker.exited;
}

async function judge(
  rest: Rest,
  importId: string,
  ended: readonly Watched[],
  receiver: Receiver,
  how: string,
): Promise<void> {
  const imported = await rest.task(importId);
  const runs = (imported.executions ?? []).map((it) => `${String(it.number)} ${it.outcome}`).join(', ');
  say(
    `the import: ${runs}; ${String(rowsOf(imported))} rows, each exactly once (the rows and the checkpoint share a transaction)`,
  );
  const twice = [...receiver.deliveries.values()].filter((times) => times > 1).length;
  say(
    `the deliveries: ${String(receiver.deliveries.size)} received, ${String(twice)} of them twice, ${String(receiver.badSignatures)} with a bad signature`,
  );
  demand(how === 'exit code 0', 'the old worker ends with exit code 0');
  demand(imported.interruptions >= 1, 'the import is handed over in the middle');
  demand(rowsOf(imported) === AIRPORTS, `every one of the ${String(AIRPORTS)} airports is imported`);
  demand(
    ended.every(({ task }) => task.status === 'FINISHED'),
    'everything finishes',
  );
  demand(
    receiver.deliveries.size === DELIVERIES && twice === 0 && receiver.badSignatures === 0,
    'each delivery arrives once, signed',
  );
}

async function drain({ fleet }: Stage): Promise<void> {
  chapter('3. Before the next deploy: is it safe to push now?');
  say('$ shiftwork drain --timeout 60 --hold 60');
  const { how, lines } = await fleet.cli('drain', '--timeout', '60', '--hold', '60');
  for (const line of lines) say(line);
  demand(how === 'exit code 0', 'shiftwork drain answers that it is safe to push');
  say('$ shiftwork resume');
  const resumed = await fleet.cli('resume');
  for (const line of resumed.lines) say(line);
  demand(resumed.how === 'exit code 0', 'shiftwork resume ends the drain');
}

interface Watched {
  name: string;
  task: TaskSeen;
}

function named(name: string, task: TaskSeen): Watched {
  return { name, task };
}

/** Shows the tasks until all have ended. Throws when one did not finish. */
async function watch(rest: Rest, tasks: readonly Watched[], signal: AbortSignal): Promise<Watched[]> {
  const board = new Board();
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    const rows = tasks.map(({ name, task }) => ({ name, task, see: board.row(name) }));
    return await Promise.all(
      rows.map(async ({ name, task, see }) => named(name, await toItsEnd(rest, task.id, see, patience))),
    );
  } finally {
    board.stop();
  }
}

// A stream may be cut (a web that is replaced, a proxy): then follow again, the present state comes first.
async function toItsEnd(
  rest: Rest,
  id: string,
  see: (task: Partial<TaskSeen>) => void,
  signal: AbortSignal,
): Promise<TaskSeen> {
  for (;;) {
    await rest.follow(id, see, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });
    const task = await rest.task(id);
    if (!FINAL.includes(task.status)) continue;
    see(task);
    if (task.status !== 'FINISHED')
      throw new Error(`${task.job} ${id} ended ${task.status}: ${task.error?.message ?? 'no error'}`);
    return task;
  }
}

/** The line that the import has committed. */
function lineOf(checkpoint: unknown): number {
  if (typeof checkpoint !== 'object' || checkpoint === null || !('line' in checkpoint)) return 0;
  return Number(checkpoint.line);
}

function describeResult(task: TaskSeen): string {
  const { result } = task;
  if (typeof result === 'object' && result !== null && 'files' in result && Array.isArray(result.files)) {
    return (result.files as { path: string; width: number; height: number; bytes: number }[])
      .map((it) => `${it.path} (${String(it.width)}x${String(it.height)}, ${kilobytes(it.bytes)})`)
      .slice(-1)
      .concat(`${String(result.files.length)} files`)
      .join(', ');
  }
  return `${task.job}: ${JSON.stringify(result)}`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1_024).toFixed(1)} KiB`;
}

function rowsOf(task: TaskSeen | undefined): number | undefined {
  const result = task?.result;
  return typeof result === 'object' && result !== null && 'rows' in result && typeof result.rows === 'number'
    ? result.rows
    : undefined;
}

function demand(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`The demo promised that ${promise}, and it is not so`);
  say(`✓ ${promise}`);
}
