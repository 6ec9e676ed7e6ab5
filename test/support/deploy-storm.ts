import { waitFor } from './wait.js';
import type { RunningProcess } from './processes.js';
import { World } from './world.js';

export interface StormPlan {
  /** Tasks with transactional effects and a checkpoint each step, and as many again with plain ones. */
  readonly tasks: number;
  /** Steps of a task: 1 to so many, evenly, or all so many. */
  readonly mostSteps: number;
  readonly isEven?: boolean;
  /** How long a step takes, ms. */
  readonly stepMs: number;
  /** Enqueued over so long, in portions; all at once by default. */
  readonly arrivalMs?: number;
  /** Which of the plain tasks have checkpoints. */
  readonly checkpoints: 'half' | 'none';
  readonly workers: number;
  readonly replacements: number;
  /** A worker lives at least so long, ms. */
  readonly lifeMs: number;
  /** How old the first workers are when the tasks come, ms: else tasks that take a life end with it, within the grace. */
  readonly agedMs?: number;
  /** Every so many replacements it is KILL instead of TERM. */
  readonly killEvery: number;
  /** Whether the web and the clock are replaced with each worker. */
  readonly replacesAll?: boolean;
}

export interface StormReport {
  readonly statuses: Record<string, number>;
  readonly attemptsCharged: number;
  /** What the charged attempts ended in: message → how often. */
  readonly errors: Record<string, number>;
  readonly interruptions: number;
  readonly transactional: { readonly expected: number; readonly found: number; readonly twice: number };
  /** Plain effects that happened twice, and of those the ones whose task had no execution that crashed. */
  readonly plain: { readonly missing: number; readonly twice: number; readonly twiceWithoutCrash: number };
  readonly exits: readonly (number | null)[];
  /** From the end of one execution to the start of the next, ms: after a TERM, and after a KILL. */
  readonly handoverMs: Record<'interrupted' | 'crashed', Distribution>;
  /** Steps begun again, as a share of all steps: of tasks with checkpoints and of those without. */
  readonly redone: { readonly withCheckpoints: number; readonly withoutCheckpoints: number };
}

interface Distribution {
  readonly count: number;
  readonly median: number;
  readonly p90: number;
  readonly max: number;
}

/** A storm over a world of its own, with a grace of 5 s. Prints the report. */
export async function stormOver(queues: string, plan: StormPlan): Promise<StormReport> {
  const world = new World({
    QUEUES: queues,
    SHUTDOWN_GRACE: '5',
    CRASH_LIMIT: '100',
    LOG_LEVEL: 'info',
    DATABASE_POOL: '16',
  });
  try {
    await world.web();
    await world.createEffects();
    const report = await deployStorm(world, plan);
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return report;
  } finally {
    await world.end();
  }
}

/** Runs tasks of mixed length while the processes are replaced in turn, as by one deploy after another. */
export async function deployStorm(world: World, plan: StormPlan): Promise<StormReport> {
  const fleet: { process: RunningProcess; bornAt: number }[] = [];
  const workers: RunningProcess[] = [];
  const boot = async (): Promise<void> => {
    const process = await world.role('worker');
    fleet.push({ process, bornAt: Date.now() });
    workers.push(process);
  };
  for (let i = 0; i < plan.workers; i++) await boot();
  const others = plan.replacesAll === true ? [await world.role('clock'), await world.web()] : [];
  const { agedMs = 0 } = plan;
  const from = Date.now();
  await waitFor('the workers to be so old', () => Date.now() - from >= agedMs, { deadlineMs: 60_000 });
  const enqueued = enqueueAll(world, plan);
  enqueued.catch(() => undefined); // it is awaited below, whatever happens before

  const exits: (number | null)[] = [];
  for (let i = 1; i <= plan.replacements; i++) {
    const oldest = fleet.shift();
    if (oldest === undefined) throw new Error('a storm needs workers');
    await waitFor('the worker to have lived', () => Date.now() - oldest.bornAt >= plan.lifeMs, {
      deadlineMs: plan.lifeMs + 60_000,
      everyMs: 100,
    });
    const replaced = boot(); // platforms start the new process while the old one is being signalled
    oldest.process.signal(i % plan.killEvery === 0 ? 'SIGKILL' : 'SIGTERM');
    exits.push((await oldest.process.waitForExit(60_000)).code);
    await replaced;
    if (others.length > 0) exits.push(...(await replaceOthers(world, others)));
  }
  const { transactional, plain } = await enqueued;
  const statuses = await world.allEnded(600_000);
  const stepsBegun = countSteps(workers);
  return { statuses, exits, ...(await count(world, plan, transactional, plain, stepsBegun)) };
}

async function enqueueAll(
  world: World,
  plan: StormPlan,
): Promise<{ transactional: string[]; plain: string[] }> {
  const transactional: string[] = [];
  const plain: string[] = [];
  const from = Date.now();
  const portions = plan.arrivalMs === undefined ? 1 : Math.ceil(plan.arrivalMs / 1_000);
  for (let portion = 0; portion < portions; portion++) {
    const dueMs = from + portion * 1_000;
    await waitFor('the next portion to be due', () => Date.now() >= dueMs, { deadlineMs: 120_000 });
    const numbers = numbersOf(plan.tasks, portion, portions);
    const payloads = numbers.map((i) => ({ steps: stepsOf(plan, i), stepMs: plan.stepMs }));
    if (numbers.length === 0) continue;
    transactional.push(...(await world.bulk('test.effect', payloads)));
    const hasCheckpoints = (i: number): boolean => plan.checkpoints === 'half' && i % 2 === 0;
    plain.push(
      ...(await world.bulk(
        'test.plain',
        payloads.map((payload, k) => ({ ...payload, checkpoints: hasCheckpoints(numbers[k] ?? 0) })),
      )),
    );
  }
  return { transactional, plain };
}

function numbersOf(tasks: number, portion: number, portions: number): number[] {
  const first = Math.floor((tasks * portion) / portions);
  const end = Math.floor((tasks * (portion + 1)) / portions);
  return Array.from({ length: end - first }, (_, k) => first + k);
}

function stepsOf(plan: StormPlan, i: number): number {
  return plan.isEven === true ? plan.mostSteps : 1 + (i % plan.mostSteps);
}

// The new ones first, as platforms do; then the old ones get their signal.
async function replaceOthers(world: World, others: RunningProcess[]): Promise<(number | null)[]> {
  const old = others.splice(0, others.length, await world.role('clock'), await world.web());
  for (const process of old) process.signal('SIGTERM');
  return Promise.all(old.map(async (process) => (await process.waitForExit(60_000)).code));
}

async function count(
  world: World,
  plan: StormPlan,
  transactional: string[],
  plain: string[],
  stepsBegun: ReadonlyMap<string, number>,
): Promise<Omit<StormReport, 'statuses' | 'exits'>> {
  const [all] = await world.rows<{ attempts: number; interruptions: number }>(
    'SELECT sum(attempts_made)::int AS attempts, sum(interruptions)::int AS interruptions FROM app.task_now',
  );
  const errors = await world.rows<{ message: string; n: number }>(
    `SELECT error->>'message' AS message, count(*)::int AS n FROM app.execution WHERE outcome IN ('error', 'timeout') GROUP BY 1 ORDER BY 2 DESC LIMIT 10`,
  );
  const effects = `SELECT task, step, count(*)::int AS n FROM app.effect WHERE task = ANY($1) GROUP BY task, step`;
  const [tx] = await world.rows<{ found: number; twice: number }>(
    `SELECT count(*)::int AS found, count(*) FILTER (WHERE n > 1)::int AS twice FROM (${effects}) AS e`,
    [transactional],
  );
  const [once] = await world.rows<{ found: number; twice: number; uncrashed: number }>(
    `SELECT count(*)::int AS found, count(*) FILTER (WHERE n > 1)::int AS twice,
            count(*) FILTER (WHERE n > 1 AND NOT EXISTS (SELECT 1 FROM app.execution x WHERE x.task_id = e.task AND x.outcome = 'crashed'))::int AS uncrashed
       FROM (${effects}) AS e`,
    [plain],
  );
  return {
    attemptsCharged: all?.attempts ?? 0,
    errors: Object.fromEntries(errors.map(({ message, n }) => [message, n])),
    interruptions: all?.interruptions ?? 0,
    transactional: {
      expected: transactional.reduce((sum, _, i) => sum + stepsOf(plan, i), 0),
      found: tx?.found ?? 0,
      twice: tx?.twice ?? 0,
    },
    plain: {
      missing: plain.length - (once?.found ?? 0),
      twice: once?.twice ?? 0,
      twiceWithoutCrash: once?.uncrashed ?? 0,
    },
    handoverMs: {
      interrupted: await handovers(world, 'interrupted'),
      crashed: await handovers(world, 'crashed'),
    },
    redone: {
      withCheckpoints: redone(stepsBegun, transactional, (i) => stepsOf(plan, i)),
      withoutCheckpoints: redone(stepsBegun, plain, (i) => stepsOf(plan, i), plan.checkpoints === 'half'),
    },
  };
}

async function handovers(world: World, outcome: string): Promise<Distribution> {
  const [row] = await world.rows<{ [each in keyof Distribution]: number | null }>(
    `SELECT count(*)::int AS count, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms))::int AS median,
            round(percentile_cont(0.9) WITHIN GROUP (ORDER BY ms))::int AS p90, round(max(ms))::int AS max FROM (
       SELECT extract(epoch FROM next.started_at - x.ended_at) * 1000 AS ms
         FROM app.execution x
         JOIN LATERAL (SELECT y.started_at FROM app.execution y WHERE y.task_id = x.task_id AND y.number > x.number
                       UNION ALL SELECT t.started_at FROM app.task_now t WHERE t.id = x.task_id AND t.execution > x.number
                       ORDER BY started_at LIMIT 1) AS next ON true
        WHERE x.outcome = $1) AS handovers`,
    [outcome],
  );
  return { count: row?.count ?? 0, median: row?.median ?? 0, p90: row?.p90 ?? 0, max: row?.max ?? 0 };
}

// Both jobs print a line as each step begins.
function countSteps(workers: readonly RunningProcess[]): ReadonlyMap<string, number> {
  const begun = new Map<string, number>();
  for (const { event, ...line } of workers.flatMap(({ lines }) => lines)) {
    if (event !== 'test.step' && event !== 'test.holding') continue;
    const task = String(line['task']);
    begun.set(task, (begun.get(task) ?? 0) + 1);
  }
  return begun;
}

// Every second of the tasks may have had checkpoints: those are left out.
function redone(
  begun: ReadonlyMap<string, number>,
  ids: readonly string[],
  stepsOfTask: (i: number) => number,
  oddOnly = false,
): number {
  let again = 0;
  let once = 0;
  for (const [i, id] of ids.entries()) {
    if (oddOnly && i % 2 === 0) continue;
    once += stepsOfTask(i);
    again += (begun.get(id) ?? 0) - stepsOfTask(i);
  }
  return once === 0 ? 0 : Math.round((1_000 * again) / once) / 1_000;
}
