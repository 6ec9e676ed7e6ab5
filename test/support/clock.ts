import { Injectable, Module, type INestApplicationContext, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { z } from 'zod';
import { ShiftworkModule } from '../../src/app/index.js';
import { Clock, type NoClockWatch, Schedules, type TickView } from '../../src/clock/index.js';
import { loadSettings, type Role, type Settings } from '../../src/config/index.js';
import { DrainChannel } from '../../src/control/index.js';
import { type Job, JobHandler } from '../../src/jobs/index.js';
import { createLifecycle, type Lifecycle } from '../../src/lifecycle/index.js';
import { ScheduleRecords } from '../../src/ledger/index.js';
import { migrate } from '../../src/postgres/index.js';
import { RedisClients } from '../../src/redis/index.js';
import { type EmittedEvent, Telemetry } from '../../src/telemetry/index.js';
import { environmentOf, query } from './servers.js';

const NotePayload = z.object({ text: z.string(), width: z.number().int().positive().optional() });

@JobHandler({ name: 'clock.note', payload: NotePayload })
@Injectable()
export class NoteJob implements Job<z.infer<typeof NotePayload>, null> {
  async run(): Promise<null> {
    return null;
  }
}

@Module({ providers: [NoteJob] })
class Notes {}

export interface ClockAppOptions {
  readonly roles?: readonly Role[];
  readonly imports?: ModuleMetadata['imports'];
  readonly env?: Record<string, string>;
}

/** A process with the clock role, inside this one; nobody runs the tasks it makes. */
export class ClockApp {
  private constructor(
    private readonly app: INestApplicationContext,
    readonly lifecycle: Lifecycle,
    readonly events: readonly EmittedEvent[],
    private readonly settings: Settings,
    private readonly telemetry: Telemetry,
  ) {}

  static async start(appName: string, options: ClockAppOptions = {}): Promise<ClockApp> {
    const { settings } = loadSettings(
      { ...environmentOf(appName), SHUTDOWN_GRACE: '5', DATABASE_POOL: '6', ...options.env },
      options.roles ?? ['clock'],
    );
    await migrate(settings);
    const events: EmittedEvent[] = [];
    const telemetry = new Telemetry();
    telemetry.addSink((event) => events.push(event));
    const lifecycle = createLifecycle(settings, telemetry);
    const module = ShiftworkModule.forRoot({
      settings,
      telemetry,
      lifecycle,
      http: false,
      imports: [Notes, ...(options.imports ?? [])],
    });
    const app = await NestFactory.createApplicationContext(module, {
      logger: ['error'],
      abortOnError: false,
    });
    return new ClockApp(app, lifecycle, events, settings, telemetry);
  }

  get schedules(): Schedules {
    return this.app.get(Schedules);
  }

  get clock(): Clock {
    return this.app.get(Clock);
  }

  get<T>(type: new (...args: never[]) => T): T {
    return this.app.get(type, { strict: false });
  }

  eventsNamed(name: EmittedEvent['name']): EmittedEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  /** What a NoClockWatch is made of: for one that looks when a test says so. */
  watchParts(): ConstructorParameters<typeof NoClockWatch> {
    return [
      this.settings,
      this.get(RedisClients),
      this.get(DrainChannel),
      this.get(ScheduleRecords),
      this.telemetry,
    ];
  }

  async stop(): Promise<void> {
    await this.app.close();
  }
}

/** Every tick of a schedule, oldest first, as the ledger has it. */
export async function ticksOf(
  appName: string,
  schedule: string,
): Promise<(Pick<TickView, 'outcome' | 'reason' | 'count'> & { due: Date; task: string | null })[]> {
  return query(
    `select due_at as due, outcome, reason, count::int as count, task_id as task from "${appName}".schedule_tick where schedule = $1 order by due_at`,
    [schedule],
  );
}

/** Tasks of a job that the ledger has accepted. */
export async function tasksOf(
  appName: string,
  job = 'clock.note',
): Promise<{ id: string; payload: unknown; key: string | null }[]> {
  return query(`select id, payload, key from "${appName}".task where job = $1 order by id`, [job]);
}

/** Moves a schedule back in time, as if no clock had run since. */
export async function sinceThen(appName: string, schedule: string, ago: string): Promise<void> {
  await query(
    `update "${appName}".schedule set anchor_at = date_trunc('second', now() - $2::interval), last_due_at = null where name = $1`,
    [schedule, ago],
  );
}
