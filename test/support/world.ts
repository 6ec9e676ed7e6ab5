import { freePort } from '../../src/dev/index.js';
import { killLeftovers, startProgram, type RunningProcess } from './processes.js';
import { dropWorld, query, uniqueAppName } from './servers.js';
import { waitFor } from './wait.js';

export interface Task {
  id: string;
  job: string;
  queue: string;
  status: string;
  progress: { percent: number; message: string | null };
  attempts: { made: number; max: number };
  interruptions: number;
  crashes: number;
  execution: number;
  result: unknown;
  error: { name: string; message: string; code: string | null; stack: string | null } | null;
  checkpoint: unknown;
  worker: string | null;
  key: string | null;
  executions: { number: number; outcome: string; worker: string | null }[];
  warnings?: { code: string }[];
  [field: string]: unknown;
}

export interface Answer<Body> {
  status: number;
  headers: Headers;
  body: Body;
}

const FINAL = ['FINISHED', 'FAILED', 'CANCELLED'];

/**
 * A world of its own (schema and Redis prefix) with real processes of the test app in it: one web, and whatever roles the
 * test starts. Talks REST, as a user would.
 */
export class World {
  readonly appName = uniqueAppName();
  url = '';
  private readonly env: Record<string, string>;
  private gate: Promise<unknown> | undefined;

  /** `program`: the app whose roles are started, the test app or the real `dist/main.js`. */
  constructor(
    env: Record<string, string> = {},
    private readonly program = 'test/support/test-app.js',
  ) {
    this.env = { QUEUES: 'high:4,default:4', SHUTDOWN_GRACE: '5', RELEASE: 'r1', ...env };
  }

  /** Starts the web and answers it when it listens. */
  async web(env: Record<string, string> = {}): Promise<RunningProcess> {
    const port = await freePort();
    const web = this.start('web', { PORT: String(port), ...env });
    await web.waitForEvent('process.listening', {}, 60_000);
    this.url = `http://127.0.0.1:${String(port)}`;
    return web;
  }

  /** Starts a role and answers it when it has joined the fleet. */
  async role(role: string, env: Record<string, string> = {}): Promise<RunningProcess> {
    const process = this.start(role, env);
    await process.waitForEvent('process.started', {}, 60_000);
    return process;
  }

  start(role: string, env: Record<string, string> = {}): RunningProcess {
    return startProgram(this.program, [role], { appName: this.appName, env: { ...this.env, ...env } });
  }

  async request<Body = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text.trim() === '' ? null : JSON.parse(text)) as Body,
    };
  }

  async enqueue(job: string, payload: unknown = {}, options?: unknown): Promise<Task> {
    const { status, body } = await this.request<Task>('POST', `/jobs/${job}`, {
      payload,
      ...(options === undefined ? {} : { options }),
    });
    if (status !== 202)
      throw new Error(`POST /jobs/${job} answered ${String(status)}: ${JSON.stringify(body)}`);
    return body;
  }

  async bulk(job: string, payloads: unknown[]): Promise<string[]> {
    const { status, body } = await this.request<{ ids: string[] }>('POST', `/jobs/${job}/bulk`, { payloads });
    if (status !== 202)
      throw new Error(`POST /jobs/${job}/bulk answered ${String(status)}: ${JSON.stringify(body)}`);
    return body.ids;
  }

  async task(id: string): Promise<Task> {
    return (await this.request<Task>('GET', `/tasks/${id}`)).body;
  }

  /** The task once it has a final status. */
  async ended(id: string, deadlineMs = 90_000): Promise<Task> {
    return waitFor(
      `task ${id} to end`,
      async () => {
        const task = await this.task(id);
        return FINAL.includes(task.status) ? task : undefined;
      },
      { deadlineMs, everyMs: 100 },
    );
  }

  /** The task once it is in this status. */
  async inStatus(id: string, status: string, deadlineMs = 90_000): Promise<Task> {
    return waitFor(
      `task ${id} to be ${status}`,
      async () => {
        const task = await this.task(id);
        return task.status === status ? task : undefined;
      },
      { deadlineMs, everyMs: 100 },
    );
  }

  /** Waits until nothing is live any more, and answers how many tasks have which status. */
  async allEnded(deadlineMs = 110_000): Promise<Record<string, number>> {
    await waitFor(
      'every task to end',
      async () => (await this.rows<{ n: number }>('SELECT count(*)::int AS n FROM app.live'))[0]?.n === 0,
      { deadlineMs, everyMs: 100 },
    );
    const rows = await this.rows<{ status: string; n: number }>(
      'SELECT status, count(*)::int AS n FROM app.ended GROUP BY status',
    );
    return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  }

  /** A look at the tables that owes nothing to the code under test; `app.` stands for the world's schema. */
  async rows<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return query<Row>(sql.replaceAll(/\bapp\./g, `"${this.appName}".`), values, this.env['DATABASE_URL']);
  }

  /** A task that runs until it is released. */
  async hold(payload: unknown = {}): Promise<Task> {
    await (this.gate ??= this.rows('CREATE TABLE app.released (task uuid)'));
    return this.enqueue('test.hold', payload);
  }

  /** Lets `test.hold` tasks go. */
  async release(...tasks: readonly Task[]): Promise<void> {
    await this.rows('INSERT INTO app.released SELECT unnest($1::uuid[])', [tasks.map(({ id }) => id)]);
  }

  /** A table of the test's own beside the ledger's. */
  async createEffects(): Promise<void> {
    await this.rows(
      'CREATE TABLE IF NOT EXISTS app.effect (task uuid, step int, execution int, at timestamptz DEFAULT now())',
    );
  }

  async end(): Promise<void> {
    await killLeftovers();
    const { DATABASE_URL: database, REDIS_URL: redis } = this.env;
    await dropWorld(this.appName, {
      ...(database === undefined ? {} : { database }),
      ...(redis === undefined ? {} : { redis }),
    });
  }
}
