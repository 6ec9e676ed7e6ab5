import { type DynamicModule, type INestApplication, Inject, Injectable, Module } from '@nestjs/common';
import { z } from 'zod';
import { ShiftworkModule, type ShiftworkOptions } from '../../../src/app/index.js';
import { createWebApp, listen } from '../../../src/app/web.js';
import { loadSettings, type Role } from '../../../src/config/index.js';
import { deferred, type Deferred } from '../../../src/foundation/index.js';
import { createLifecycle } from '../../../src/lifecycle/index.js';
import { DoNotRetry, type Job, JobHandler, type TaskContext } from '../../../src/jobs/index.js';
import { migrate, Postgres } from '../../../src/postgres/index.js';
import { type EmittedEvent, Telemetry } from '../../../src/telemetry/index.js';
import { dropWorld, environmentOf, uniqueAppName } from '../../support/servers.js';

export const ADMIN = 'admin-token-of-this-test';
export const CLIENT = 'client-token-of-this-test';
export const VIEWER = 'viewer-token-of-this-test';

const EchoPayload = z.object({
  text: z.string().max(300_000),
  times: z.array(z.number().int()).optional(),
  secret: z.string().meta({ secret: true }).optional(),
});

@JobHandler({ name: 'test.echo', payload: EchoPayload, timeout: 5_000 })
@Injectable()
class EchoJob implements Job<z.infer<typeof EchoPayload>, { text: string }> {
  async run({ text }: z.infer<typeof EchoPayload>, task: TaskContext): Promise<{ text: string }> {
    task.log(`echo ${text}`);
    task.log('once more', 'warn');
    return { text };
  }
}

const gates = new Map<string, { readonly half: Deferred<void>; readonly end: Deferred<void> }>();

/** Where a `test.steps` task with this name waits: before its half, and before its end. */
export function gateOf(name: string): { readonly half: Deferred<void>; readonly end: Deferred<void> } {
  const gate = gates.get(name) ?? { half: deferred(), end: deferred() };
  gates.set(name, gate);
  return gate;
}

const StepsPayload = z.object({ name: z.string() });

@JobHandler({ name: 'test.steps', queue: 'high', payload: StepsPayload })
@Injectable()
class StepsJob implements Job<{ name: string }, { done: true }> {
  async run({ name }: { name: string }, task: TaskContext): Promise<{ done: true }> {
    const aborted = new Promise<never>((_, reject) => {
      const stop = (): void => {
        reject(task.signal.reason as Error);
      };
      if (task.signal.aborted) stop();
      else task.signal.addEventListener('abort', stop);
    });
    await Promise.race([gateOf(name).half.promise, aborted]);
    await task.progress(50, 'half way');
    await Promise.race([gateOf(name).end.promise, aborted]);
    return { done: true };
  }
}

@JobHandler({ name: 'test.fail', payload: z.object({ why: z.string() }) })
@Injectable()
class FailJob implements Job<{ why: string }, never> {
  async run({ why }: { why: string }): Promise<never> {
    throw new DoNotRetry(new Error(why));
  }
}

/** Finishes in a transaction that is rolled back, and returns something else. */
@JobHandler({ name: 'test.undone', payload: z.object({}) })
@Injectable()
class UndoneJob implements Job<object, { undone: boolean }> {
  constructor(@Inject(Postgres) private readonly postgres: Postgres) {}

  async run(_payload: object, task: TaskContext): Promise<{ undone: boolean }> {
    const undone = this.postgres.transaction(async (transaction) => {
      await task.finish({ undone: true }, { transaction });
      throw new Error('roll back');
    });
    await undone.catch(() => undefined);
    return { undone: false };
  }
}

@JobHandler({ name: 'test.limited', queue: 'limited', payload: z.object({}) })
@Injectable()
class LimitedJob implements Job<object, null> {
  async run(): Promise<null> {
    return null;
  }
}

@JobHandler({ name: 'test.crowded', queue: 'crowded', payload: z.object({ n: z.number() }) })
@Injectable()
class CrowdedJob implements Job<object, null> {
  async run(): Promise<null> {
    return null;
  }
}

/** Its pattern is none of Unicode, as many are. */
const PhonePayload = z.object({ phone: z.string().regex(new RegExp('^\\d{3}\\-\\d{4}$')) });

@JobHandler({ name: 'test.phone', payload: PhonePayload })
@Injectable()
class PhoneJob implements Job<object, null> {
  async run(): Promise<null> {
    return null;
  }
}

@Module({ providers: [EchoJob, StepsJob, FailJob, UndoneJob, LimitedJob, CrowdedJob, PhoneJob] })
class TestJobs {}

interface Fault {
  readonly path: string;
  readonly message: string;
}

/** What answers hold, taken together; each test looks at the fields that its call answers. */
export interface Body {
  readonly id: string;
  readonly task: string;
  readonly status: string;
  readonly code: string;
  readonly errors: readonly Fault[];
  readonly items: readonly Body[];
  readonly nextCursor: string | null;
  readonly ids: readonly string[];
  readonly matched: number;
  readonly warnings: readonly unknown[];
  readonly result: unknown;
  readonly finishedAt: string | null;
  readonly nextAt: string | null;
  readonly executions: readonly unknown[];
  readonly attempts: unknown;
  readonly position: number | null;
  readonly message: string;
  readonly name: string;
  readonly paused: boolean;
  readonly pausedBy: string | null;
  readonly pausedAt: string | null;
  readonly workers: number;
  readonly running: readonly unknown[];
  readonly enabled: boolean;
  readonly progress: { readonly percent: number };
  readonly every: number | null;
  readonly state: string;
  readonly audit: readonly unknown[];
  readonly safe: boolean;
  readonly busy: readonly unknown[];
  readonly silent: readonly unknown[];
  readonly drained: readonly string[];
  readonly resumed: readonly string[];
  readonly checks: { readonly state: string };
}

export interface Answer {
  readonly status: number;
  readonly body: Body;
  readonly headers: Headers;
}

export interface CallOptions {
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly body?: string;
}

const ENVIRONMENT = {
  PORT: '0',
  HOST: '127.0.0.1',
  QUEUES: 'high:5,default:5',
  QUEUE_LIMITS: 'limited:2,crowded:2',
  SHUTDOWN_GRACE: '5',
  SHIFTWORK_TOKENS: `admin:${ADMIN},client:${CLIENT},viewer:${VIEWER}`,
};

type Create = (shiftwork: DynamicModule) => Promise<INestApplication>;
const readyMade: Create = (shiftwork) => createWebApp(shiftwork, false);

/** A real, listening app in a world of its own. */
export class Web {
  private constructor(
    readonly url: string,
    readonly appName: string,
    readonly events: readonly EmittedEvent[],
    readonly app: INestApplication,
  ) {}

  /** `create` makes the app out of Shiftwork's module; by default the ready-made web. */
  static async start(
    roles: Role[],
    env: Record<string, string> = {},
    { create = readyMade, http }: { create?: Create; http?: ShiftworkOptions['http'] } = {},
  ): Promise<Web> {
    const appName = uniqueAppName();
    const { settings } = loadSettings({ ...environmentOf(appName), ...ENVIRONMENT, ...env }, roles);
    await migrate(settings);
    const telemetry = new Telemetry();
    const events: EmittedEvent[] = [];
    telemetry.addSink((event) => events.push(event));
    const app = await create(
      ShiftworkModule.forRoot({
        settings,
        telemetry,
        imports: [TestJobs],
        ...(create === readyMade && { lifecycle: createLifecycle(settings, telemetry) }),
        ...(http !== undefined && { http }),
      }),
    );
    await app.init();
    return new Web(await listen(app, settings, telemetry), appName, events, app);
  }

  async call(
    method: string,
    path: string,
    { token = ADMIN, headers = {}, json, body }: CallOptions = {},
  ): Promise<Answer> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(body !== undefined && { body }),
    });
    const text = await response.text();
    return { status: response.status, body: parsed(text) as Body, headers: response.headers };
  }

  get(path: string, options?: CallOptions): Promise<Answer> {
    return this.call('GET', path, options);
  }

  post(path: string, json?: unknown, options?: CallOptions): Promise<Answer> {
    return this.call('POST', path, { ...(json !== undefined && { json }), ...options });
  }

  /** The id of a new task. */
  async enqueue(job: string, payload: unknown, options?: object): Promise<string> {
    const { status, body } = await this.post(`/jobs/${job}`, { payload, ...(options && { options }) });
    if (status !== 202) throw new Error(`Not accepted: ${JSON.stringify(body)}`);
    return body.id;
  }

  /** The task when it has ended. */
  async ended(id: string): Promise<Body> {
    for (let i = 0; i < 3; i++) {
      const { body } = await this.get(`/tasks/${id}?wait=10`);
      if (body.finishedAt !== null) return body;
    }
    throw new Error(`Task ${id} did not end in 30 s`);
  }

  /** Ends the app and its world. */
  async stop(): Promise<void> {
    await this.app.close();
    await dropWorld(this.appName);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
