import { loadSettings, type Settings } from '../../src/config/index.js';
import { newId } from '../../src/foundation/index.js';
import {
  AcceptKeyed,
  AcceptTasks,
  CancelTasks,
  Executions,
  Outbox,
  ReadTasks,
  RecordProgress,
  TaskLogs,
  TaskNow,
  WaitingMoves,
  type EndOfRun,
  type NewTask,
} from '../../src/ledger/index.js';
import { migrate, Postgres } from '../../src/postgres/index.js';
import { dropSchema, environmentOf, uniqueAppName } from './servers.js';

/** The ledger of a world of its own, with one registered process. */
export async function openLedger() {
  const appName = uniqueAppName();
  const { settings } = loadSettings({ ...environmentOf(appName), RELEASE: 'r1' }, []);
  await migrate(settings);
  const postgres = await open(settings);
  const outbox = new Outbox(postgres);
  const worker = await register(postgres);
  outbox.belongTo(worker);
  return {
    appName,
    settings,
    postgres,
    outbox,
    worker,
    accepting: new AcceptTasks(postgres, outbox),
    keyed: new AcceptKeyed(postgres, outbox),
    executions: new Executions(postgres, settings),
    progress: new RecordProgress(postgres),
    logs: new TaskLogs(postgres),
    reads: new ReadTasks(postgres),
    cancels: new CancelTasks(postgres),
    moves: new WaitingMoves(postgres),
    register: () => register(postgres),
    /** The tasks of our outbox rows. */
    outboxTasks: async (): Promise<string[]> => {
      const rows = await postgres.query<{ task: string }>(
        { text: 'SELECT unnest(task_ids) AS task FROM shiftwork.outbox WHERE process = $1' },
        [worker],
      );
      return rows.map(({ task }) => task).sort();
    },
    close: async () => {
      await postgres.close();
      await dropSchema(appName);
    },
  };
}

export type OpenLedger = Awaited<ReturnType<typeof openLedger>>;

async function open(settings: Settings): Promise<Postgres> {
  const postgres = new Postgres(settings, [TaskNow]);
  await postgres.dataSource.initialize();
  return postgres;
}

async function register(postgres: Postgres): Promise<string> {
  const id = newId();
  await postgres.query(
    {
      text: `INSERT INTO shiftwork.process (id, roles, host, pid, release) VALUES ($1, '{worker}', 'h', 1, 'r1')`,
    },
    [id],
  );
  return id;
}

export function newTask(part: Partial<NewTask> = {}): NewTask {
  return {
    id: newId(),
    job: 'test.job',
    queue: 'default',
    payloadText: '{"n":1}',
    priority: null,
    key: null,
    idempotencyKey: null,
    requestHash: null,
    attemptsMax: 3,
    timeoutMs: null,
    backoff: { type: 'fixed', delay: 1_000 },
    onWorkerLost: 'rerun',
    dueAt: null,
    retryOf: null,
    ...part,
  };
}

export function endOfRun(part: Partial<EndOfRun> & Pick<EndOfRun, 'id' | 'claim'>): EndOfRun {
  return {
    status: 'FINISHED',
    outcome: 'finished',
    result: null,
    error: null,
    dueAt: null,
    chargeAttempt: false,
    countInterruption: false,
    failureKind: null,
    ...part,
  };
}

export const anError = {
  name: 'Error',
  message: 'broken',
  code: null,
  stack: 'Error: broken\n    at job (job.ts:1:1)',
  at: '2026-11-21T08:00:00.000Z',
};
