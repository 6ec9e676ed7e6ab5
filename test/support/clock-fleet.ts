import { ClockApp, ticksOf } from './clock.js';
import { type RunningProcess, startRole } from './processes.js';
import { type DedicatedServer, dedicatedRedis, dropWorld, query, uniqueAppName } from './servers.js';
import { waitFor } from './wait.js';

interface Account {
  readonly ticks: number;
  readonly tasks: number;
  readonly outcomes: Record<string, number>;
  readonly caughtUp: number;
  readonly latestMs: number;
}

/** Real clock processes in a world of their own, with a Redis that may be stopped, and a web that watches them. */
export class ClockFleet {
  readonly clocks: RunningProcess[] = [];
  private readonly killed: RunningProcess[] = [];

  private constructor(
    readonly appName: string,
    readonly redis: DedicatedServer,
    readonly web: ClockApp,
  ) {}

  static async start(clocks: number): Promise<ClockFleet> {
    const appName = uniqueAppName();
    const redis = await dedicatedRedis();
    const web = await ClockApp.start(appName, { roles: ['web'], env: { REDIS_URL: redis.url } });
    const fleet = new ClockFleet(appName, redis, web);
    fleet.add(); // the first alone: five boots at once are hard on two cores
    await waitFor('a clock that leads', () => fleet.leader(), { deadlineMs: BOOT_MS }).catch(
      (error: unknown) => fleet.fail(error),
    );
    fleet.add(clocks - 1);
    return fleet;
  }

  /** One more clock process, or several; they boot in the background. */
  add(count = 1): void {
    for (let i = 0; i < count; i++) {
      this.clocks.push(
        startRole('clock', {
          appName: this.appName,
          env: { REDIS_URL: this.redis.url, DATABASE_POOL: '4', LOG_LEVEL: 'info', SHUTDOWN_GRACE: '10' },
        }),
      );
    }
  }

  /** The living clock that acts, by what it said last. `but`: one that cannot say anything any more. */
  leader(but?: RunningProcess): RunningProcess | undefined {
    return this.clocks.find(
      (clock) =>
        clock !== but && clock.exited === undefined && !this.killed.includes(clock) && isActing(clock),
    );
  }

  async untilLed(but?: RunningProcess): Promise<RunningProcess> {
    return waitFor('another clock that leads', () => this.leader(but), { deadlineMs: BOOT_MS }).catch(
      (error: unknown) => this.fail(error),
    );
  }

  /** Resolves when every clock that was added has booted. */
  async untilBooted(): Promise<void> {
    await Promise.all(this.clocks.map(async (clock) => clock.waitForEvent('process.started', {}, BOOT_MS)));
  }

  /** SIGKILL. */
  async kill(clock: RunningProcess): Promise<void> {
    this.killed.push(clock);
    await clock.kill();
  }

  /** When that clock began to act for the last time, by its log. */
  startedAt(clock: RunningProcess): number {
    const line = clock.lines.findLast((each) => each.event === 'clock.started');
    return Date.parse(String(line?.['time']));
  }

  /** A schedule of one tick a second, each of which counts. */
  async putBeat(): Promise<void> {
    await this.web.schedules.put('beat', {
      job: 'clock.note',
      payload: { text: 'beat' },
      cron: '* * * * * *',
      misfire: 'all',
      misfireLimit: 1_000,
    });
  }

  async ticks(): Promise<Awaited<ReturnType<typeof ticksOf>>> {
    return ticksOf(this.appName, 'beat');
  }

  async untilTicks(count: number, deadlineMs = BOOT_MS): Promise<void> {
    await waitFor(`${String(count)} ticks`, async () => (await this.ticks()).length >= count, {
      deadlineMs,
      everyMs: 100,
    });
  }

  /** Throws unless every due moment since the first has one row and one task. Answers how many there are, and how late they were. */
  async account(): Promise<Account> {
    // One statement sees one state: a tick and its task commit together, and the next may be on its way already. Tasks of
    // this job only: the app that runs has schedules of its own, and one may be due just now.
    const [row] = await query<Account & { seconds: number; distinct: number }>(
      `with beat as (select * from "${this.appName}".schedule_tick where schedule = 'beat')
       select count(*)::int as ticks, count(distinct task_id)::int as distinct,
              extract(epoch from max(due_at) - min(due_at))::int + 1 as seconds,
              (select count(*)::int from "${this.appName}".task where job = 'clock.note') as tasks,
              (select json_object_agg(outcome, n) from (select outcome, count(*)::int as n from beat group by outcome) o) as outcomes,
              count(reason)::int as "caughtUp", max(late_by_ms)::int as "latestMs"
         from beat`,
    );
    if (
      row === undefined ||
      row.ticks !== row.seconds ||
      row.distinct !== row.ticks ||
      row.tasks !== row.ticks
    )
      throw new Error(`A due moment was lost or doubled: ${JSON.stringify(row)}`);
    const { ticks, tasks, outcomes, caughtUp, latestMs } = row;
    return { ticks, tasks, outcomes, caughtUp, latestMs };
  }

  /** The failure, with what each clock printed last. */
  fail(error: unknown): never {
    const said = this.clocks.map(
      (clock, i) =>
        `clock ${String(i)} (${JSON.stringify(clock.exited ?? 'running')}): ${clock.output.slice(-600)}`,
    );
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said.join('\n')}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.clocks.map(async (clock) => clock.kill()));
    await this.web.stop();
    await this.redis.dispose();
    await dropWorld(this.appName);
  }
}

/** A machine with more to do than cores boots a process in tens of seconds. */
const BOOT_MS = 120_000;

function isActing(clock: RunningProcess): boolean {
  return (
    clock.lines.findLast((line) => line.event === 'clock.started' || line.event === 'clock.stopped')
      ?.event === 'clock.started'
  );
}
