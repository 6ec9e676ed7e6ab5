import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type ExitCode, runCli } from '../../../src/cli/index.js';
import { DEFAULT_HOLD_MS, DEFAULT_ROLES, DEFAULT_TIMEOUT_MS } from '../../../src/control/index.js';
import type { Check } from '../../../src/foundation/index.js';
import { startCli } from '../../support/processes.js';
import {
  databaseUrl,
  dedicatedRedis,
  dropWorld,
  environmentOf,
  redisUrl,
  uniqueAppName,
} from '../../support/servers.js';
import { waitFor } from '../../support/wait.js';
import { World } from '../../support/world.js';

interface Answer {
  code: ExitCode;
  stdout: string;
  stderr: string;
  /** The one document on stdout. */
  document: Record<string, unknown>;
}

class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const world = new World({ QUEUES: 'default:4' });

/** One command, in this process: the same code as `dist/cli.js`, without the second that a new process takes. */
async function shiftwork(
  args: string[],
  env: Record<string, string> = {},
  signal = new AbortController().signal,
): Promise<Answer> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const code = await runCli(
    args,
    { ...environmentOf(world.appName), RELEASE: 'r1', LOG_LEVEL: 'info', ...env },
    { stdout, stderr },
    signal,
  );
  return { code, stdout: stdout.text, stderr: stderr.text, document: documentIn(stdout.text) };
}

function documentIn(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const NOBODY = 'postgres://nobody@127.0.0.1:1/nothing';

beforeAll(async () => {
  await world.role('worker');
});
afterAll(async () => {
  await world.end();
});

describe('what the command line tells the shell', () => {
  it('teaches: every command has a help with examples or exit codes, and drain names the defaults it has', async () => {
    const { code, stdout } = await shiftwork(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('shiftwork drain && git push');
    for (const command of [
      'drain',
      'resume',
      'ps',
      'queues',
      'enqueue',
      'task',
      'failed',
      'schedules',
      'migrate',
      'doctor',
    ]) {
      expect(stdout).toContain(`  ${command} `);
      expect((await shiftwork([command, '--help'])).stdout).toMatch(/Exit codes: 0/);
    }
    const { stdout: drain } = await shiftwork(['drain', '--help']);
    for (const value of [DEFAULT_ROLES.join(','), DEFAULT_TIMEOUT_MS / 1_000, DEFAULT_HOLD_MS / 1_000])
      expect(drain.replaceAll(/\s+/g, ' ')).toContain(`(default: ${String(value)})`);
  });

  it.each([
    { what: 'an unknown command', args: ['drian'], says: /Did you mean drain/ },
    { what: 'a missing argument', args: ['enqueue'], says: /missing required argument/ },
    { what: 'no command at all', args: [], says: /Usage: shiftwork/ },
    { what: 'a role that is none', args: ['drain', '--role', 'cook'], says: /web, worker, clock/ },
    { what: 'a timeout that is no number', args: ['drain', '--timeout', 'soon'], says: /Give seconds/ },
    {
      what: 'a payload that is no JSON',
      args: ['enqueue', 'test.noop', '{oops'],
      says: /Quote it for the shell/,
    },
    {
      what: 'a payload that the job refuses',
      args: ['enqueue', 'test.sleep', '{"ms": "long"}'],
      says: /payload\.ms: must be number/,
    },
    {
      what: 'an option that cannot be',
      args: ['enqueue', 'test.noop', '{}', '--priority', '5000'],
      says: /options\.priority/,
    },
    {
      what: 'an instant without a time zone',
      args: ['enqueue', 'test.noop', '--run-at', '2026-11-21T08:00:00'],
      says: /Give an instant such as/,
    },
    {
      what: 'a day that does not exist',
      args: ['enqueue', 'test.noop', '--run-at', '2026-02-31T00:00:00Z'],
      says: /Give an instant such as/,
    },
    { what: 'a retry of nothing in particular', args: ['failed', 'retry'], says: /--all/ },
  ])('2 for $what', async ({ args, says }) => {
    const { code, stdout, stderr } = await shiftwork(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
    expect(stdout).toBe('');
  });

  it('2 for settings that do not work, all faults at once and no password in sight', async () => {
    const { code, stderr } = await shiftwork(['ps'], {
      DATABASE_URL: 'mysql://root:geheim@db/x',
      REDIS_URL: '',
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/DATABASE_URL must be[^]*REDIS_URL is missing/);
    expect(stderr).not.toContain('geheim');
  });

  it('3 for a server that cannot be reached, in the words of which one; with --json as a document', async () => {
    const [postgres, redis, doctor] = await Promise.all([
      shiftwork(['ps'], { DATABASE_URL: NOBODY }),
      shiftwork(['drain', '--json'], { REDIS_URL: 'redis://127.0.0.1:1' }),
      shiftwork(['doctor', '--json'], { DATABASE_URL: NOBODY, REDIS_URL: 'redis://127.0.0.1:1' }),
    ]);
    expect([postgres.code, redis.code, doctor.code]).toEqual([3, 3, 3]);
    expect(postgres.stderr).toContain('PostgreSQL cannot be reached');
    const because = 'Redis (127.0.0.1:1) cannot be reached: connect ECONNREFUSED 127.0.0.1:1.';
    expect(redis.document).toEqual({ error: { code: 'redis-unavailable', message: because } });
    expect(redis.stderr).toContain(`shiftwork: ${because}`);
    expect(doctor.document).toMatchObject({
      ok: false,
      checks: [
        { name: 'postgres', ok: false },
        { name: 'redis', ok: false, message: because },
      ],
    });
  });

  it('says nothing of Redis when PostgreSQL is the one that cannot be reached, and does not wait for it', async () => {
    const failed = startCli(['failed'], {
      appName: world.appName,
      env: { DATABASE_URL: NOBODY, LOG_LEVEL: 'info' },
    });
    expect(await failed.waitForExit(60_000)).toEqual({ code: 3, signal: null });
    expect(failed.output).toMatch(/^shiftwork: PostgreSQL cannot be reached.*$/);
  });

  it.each([
    { what: 'role', part: 'username', value: 'nobody_here' },
    { what: 'database', part: 'pathname', value: 'nowhere' },
  ] as const)('2 for a $what that PostgreSQL does not know, in its words', async ({ part, value }) => {
    const url = new URL(databaseUrl());
    url[part] = value;
    const { code, stderr, document } = await shiftwork(['queues', '--json'], {
      DATABASE_URL: url.toString(),
    });
    expect({ code, document }).toMatchObject({ code: 2, document: { error: { code: 'bad-settings' } } });
    expect(stderr).toContain(`"${value}"`);
    expect(stderr).not.toContain('    at ');
  });

  it.each(['ps', 'queues', 'doctor'])('2 for a database that Redis does not have: %s', async (command) => {
    const { code, stderr, stdout } = await shiftwork([command], {
      REDIS_URL: new URL('/12345', redisUrl()).href,
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/REDIS_URL names the database 12345.*DB index is out of range/);
    expect(stderr).not.toContain('    at ');
  });

  it('1 for a schema that is newer than this release: migrate refuses it, also when it only looks', async () => {
    const appName = uniqueAppName();
    const env = { APP_NAME: appName };
    onTestFinished(async () => dropWorld(appName));
    expect((await shiftwork(['migrate'], env)).code).toBe(0);
    expect((await shiftwork(['migrate', '--check'], env)).code).toBe(0);
    await world.rows(`INSERT INTO ${appName}.migration (timestamp, name) VALUES (1, '9999-of-tomorrow')`);
    for (const args of [['migrate'], ['migrate', '--check', '--json']]) {
      const { code, stderr } = await shiftwork(args, env);
      expect({ args, code }).toEqual({ args, code: 1 });
      expect(stderr).toContain('9999-of-tomorrow');
    }
  });

  it.each([
    { args: ['enqueue', 'nobody.knows', '{}'] },
    { args: ['task', '019391c2-0000-7000-8000-00000000dead'] },
    { args: ['task', 'no-id'] },
    { args: ['failed', 'show', '019391c2-0000-7000-8000-00000000dead'] },
    { args: ['schedules', 'run', 'nothing'] },
    { args: ['queues', 'pause', 'nowhere'] },
  ])('1 for what is not there: $args', async ({ args }) => {
    const { code, stderr } = await shiftwork(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/There is no/);
  });

  it('is the same from a process of its own, with the answer on stdout and the rest on stderr', async () => {
    const ps = startCli(['ps', '--json'], { appName: world.appName, env: { LOG_LEVEL: 'info' } });
    let stdout = '';
    ps.child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    expect(await ps.waitForExit(60_000)).toEqual({ code: 0, signal: null });
    expect(documentIn(stdout)).toMatchObject({
      items: [{ roles: ['worker'], release: 'r1', state: 'running' }],
    });
    const usage = startCli(['nonsense'], { appName: world.appName });
    expect(await usage.waitForExit(60_000)).toEqual({ code: 2, signal: null });
  });

  it('0 when the reader of a pipe leaves early, also one who follows', async () => {
    const { document } = await shiftwork(['enqueue', 'test.sleep', '{"ms": 600000}', '--json']);
    const follow = startCli(['task', String(document['id']), '--follow'], { appName: world.appName });
    await follow.waitForLine('a first line', () => true);
    follow.child.stdout?.destroy();
    expect(await follow.waitForExit(60_000)).toEqual({ code: 0, signal: null });
  });

  it('130 for Ctrl-C while it waits for a payload that nobody pipes in', async () => {
    const waiting = spawn(process.execPath, ['dist/cli.js', 'enqueue', 'test.noop', '-'], {
      env: { ...process.env, ...environmentOf(world.appName) },
    });
    onTestFinished(() => void waiting.kill('SIGKILL'));
    await waitFor('its connection', async () => {
      const names = await world.rows('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [
        `${world.appName}:cli`,
      ]);
      return names.length > 0;
    });
    const closed = once(waiting, 'close');
    waiting.kill('SIGINT');
    await closed;
    expect(waiting.exitCode).toBe(130);
  });

  it.runIf(existsSync('/dev/full'))('1 when the answer cannot be written, and why', async () => {
    const full = openSync('/dev/full', 'w');
    const help = spawn(process.execPath, ['dist/cli.js', '--help'], { stdio: ['ignore', full, 'pipe'] });
    const [said] = await Promise.all([help.stderr === null ? '' : text(help.stderr), once(help, 'close')]);
    closeSync(full);
    expect(help.exitCode).toBe(1);
    expect(said).toContain('ENOSPC');
  });
});

describe('tasks from the command line', () => {
  it('enqueues without the class, waits for the end, and answers the task: 0 when it FINISHED', async () => {
    const { code, document, stderr } = await shiftwork([
      'enqueue',
      'test.sleep',
      '{"ms": 300}',
      '--key',
      'order:17',
      '--wait',
      '--json',
    ]);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('FINISHED') as string,
    });
    expect(document).toMatchObject({
      job: 'test.sleep',
      status: 'FINISHED',
      key: 'order:17',
      result: { steps: 3 },
      progress: { percent: 100 },
    });
    const shown = await shiftwork(['task', String(document['id']), '--json']);
    expect(shown.document).toMatchObject({
      id: document['id'],
      executions: [{ number: 1, outcome: 'finished' }],
    });
    const logs = await shiftwork(['task', String(document['id']), '--logs', '--json']);
    expect(logs.document).toMatchObject({ items: [{ level: 'info', message: 'slept', execution: 1 }] });
    const card = await shiftwork(['task', String(document['id'])]);
    expect(card.stdout).toMatch(/status +FINISHED[^]*result +{.*"steps":3/);
  });

  it('follows a task to its end, one document a line', async () => {
    const { document } = await shiftwork(['enqueue', 'test.sleep', '{"ms": 1500}', '--json']);
    expect(document['status']).toBe('QUEUED');
    const { code, stdout } = await shiftwork(['task', String(document['id']), '--follow', '--json']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; data: { status?: string } });
    expect(code).toBe(0);
    expect(events.at(-1)).toMatchObject({ event: 'status', data: { status: 'FINISHED' } });
    expect(events.some(({ event }) => event === 'progress')).toBe(true);
  });

  it('1 when a task it waited for FAILED; then lists, shows and retries the FailedTask, once', async () => {
    const failed = await shiftwork([
      'enqueue',
      'test.flaky',
      '{"times": 5, "final": true}',
      '--wait',
      '--json',
    ]);
    expect(failed.code).toBe(1);
    expect(failed.document).toMatchObject({ status: 'FAILED', error: { name: 'RangeError' } });
    const open = await waitFor('the FailedTask', async () => {
      const { document } = await shiftwork([
        'failed',
        'list',
        '--job',
        'test.flaky',
        '--state',
        'open',
        '--json',
      ]);
      return (document['items'] as { id: string; task: string }[]).find(
        (each) => each.task === failed.document['id'],
      );
    });
    expect((await shiftwork(['failed', 'show', open.id, '--json'])).document).toMatchObject({
      id: open.id,
      state: 'OPEN',
      attempts: [{ outcome: 'error' }],
    });
    const [first, second] = [
      await shiftwork(['failed', 'retry', open.id, '--payload', '{"times": 0}', '--json']),
      await shiftwork(['failed', 'retry', open.id, '--json']),
    ];
    expect([first.code, second.code]).toEqual([0, 0]);
    expect((second.document['task'] as { id: string }).id).toBe(
      (first.document['task'] as { id: string }).id,
    );
    const dismissed = await shiftwork(['failed', 'dismiss', open.id, '--reason', 'seen', '--json']);
    expect(dismissed.document).toMatchObject({ state: 'DISMISSED' });
  });

  it('stops waiting at Ctrl-C with 130, and the task goes on', async () => {
    const stop = new AbortController();
    const waiting = shiftwork(
      ['enqueue', 'test.sleep', '{"ms": 4000}', '--key', 'impatient', '--wait'],
      {},
      stop.signal,
    );
    await waitFor(
      'the task to run',
      async () =>
        (
          await world.rows(
            `SELECT 1 FROM app.task t JOIN app.live l USING (id) WHERE t.key = 'impatient' AND l.status = 'STARTED'`,
          )
        ).length > 0,
    );
    stop.abort();
    const { code, stderr } = await waiting;
    expect(code).toBe(130);
    expect(stderr).toContain('the task goes on');
    await waitFor(
      'its end',
      async () =>
        (await world.rows(`SELECT 1 FROM app.task_now WHERE key = 'impatient' AND status = 'FINISHED'`))
          .length > 0,
      { deadlineMs: 60_000 },
    );
  });

  it('accepts while Redis is away, and leaves the reminder by which the fleet will dispatch it', async () => {
    const { code, stderr, document } = await shiftwork(['enqueue', 'test.noop', '{}', '--json'], {
      REDIS_URL: 'redis://127.0.0.1:1',
    });
    expect(code).toBe(0);
    expect(stderr).toContain('dispatched when Redis is back');
    expect(await world.rows('SELECT status FROM app.live WHERE id = $1', [document['id']])).toEqual([
      { status: 'QUEUED' },
    ]);
    expect(
      await world.rows('SELECT 1 FROM app.outbox WHERE $1 = ANY(task_ids)', [document['id']]),
    ).toHaveLength(1);
  });

  it('leaves no reminder of what it has dispatched itself', async () => {
    const { document } = await shiftwork(['enqueue', 'test.noop', '{}', '--json']);
    expect(await world.rows('SELECT 1 FROM app.outbox WHERE $1 = ANY(task_ids)', [document['id']])).toEqual(
      [],
    );
  });
});

describe('the fleet from the command line', () => {
  it('pauses and resumes a queue, and lists it', async () => {
    const paused = await shiftwork(['queues', 'pause', 'default', '--json']);
    expect(paused.document).toMatchObject({
      name: 'default',
      paused: true,
      pausedBy: expect.stringContaining('@') as string,
    });
    const { document } = await shiftwork(['queues', '--json']);
    expect(document['items']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'default', paused: true, workers: 1, slots: 4 }),
      ]),
    );
    expect((await shiftwork(['queues', 'resume', 'default', '--json'])).document).toMatchObject({
      paused: false,
    });
    expect((await shiftwork(['queues'])).stdout).toMatch(/^QUEUE +BACKLOG +LATENCY/);
  });

  it('makes, runs, pauses and deletes a schedule', async () => {
    const put = await shiftwork([
      'schedules',
      'put',
      'nightly',
      '{"job": "test.noop", "cron": "0 3 * * *"}',
      '--json',
    ]);
    expect(put.document).toMatchObject({ name: 'nightly', cron: '0 3 * * *', enabled: true });
    expect((await shiftwork(['schedules', 'run', 'nightly', '--json'])).document).toMatchObject({
      job: 'test.noop',
      status: 'QUEUED',
    });
    expect((await shiftwork(['schedules', 'pause', 'nightly', '--json'])).document).toMatchObject({
      enabled: false,
      nextAt: null,
    });
    expect((await shiftwork(['schedules', '--json'])).document['items']).toHaveLength(1);
    expect((await shiftwork(['schedules', 'put', 'bad', '{"job": "test.noop"}'])).code).toBe(2);
    expect((await shiftwork(['schedules', 'delete', 'nightly', '--json'])).document).toEqual({
      deleted: 'nightly',
    });
  });
});

describe('doctor', () => {
  async function faultsOf(env: Record<string, string> = {}): Promise<{ code: ExitCode; faults: Check[] }> {
    const { code, document } = await shiftwork(['doctor', '--json'], env);
    return { code, faults: (document['checks'] as Check[]).filter((each) => !each.ok) };
  }

  it('finds pending migrations, and migrate ends them; a command says so too', async () => {
    const env = { APP_NAME: uniqueAppName() };
    expect((await shiftwork(['ps'], env)).stderr).toContain('Run: shiftwork migrate');
    expect((await faultsOf(env)).faults.map((each) => each.name)).toContain('postgres-migrations');
    expect((await shiftwork(['migrate', '--check', '--json'], env)).code).toBe(1);
    const { code, document } = await shiftwork(['migrate', '--json'], env);
    expect(code).toBe(0);
    expect(document['applied']).toContain('0001-core');
    expect((await faultsOf(env)).faults.map((each) => each.name)).not.toContain('postgres-migrations');
    await world.rows(`DROP SCHEMA "${env.APP_NAME}" CASCADE`);
  });

  it('finds a schema that is newer than this release', async () => {
    const env = { APP_NAME: uniqueAppName() };
    onTestFinished(async () => dropWorld(env.APP_NAME));
    await shiftwork(['migrate'], env);
    await world.rows(
      `INSERT INTO ${env.APP_NAME}.migration (timestamp, name) VALUES (1, '9999-of-tomorrow')`,
    );
    const { code, faults } = await faultsOf(env);
    expect(code).toBe(1);
    expect(faults.find((each) => each.name === 'postgres-migrations')).toMatchObject({
      message: expect.stringContaining('9999-of-tomorrow') as string,
      remedy: expect.stringContaining('Deploy the release') as string,
    });
  });

  it('finds an evicting Redis that keeps nothing, and says what to do', async () => {
    const redis = await dedicatedRedis({ 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' });
    const { code, faults } = await faultsOf({ REDIS_URL: redis.url });
    await redis.dispose();
    expect(code).toBe(1);
    expect(faults.find((each) => each.name === 'redis-eviction')?.message).toContain('allkeys-lru');
    expect(faults.find((each) => each.name === 'redis-persistence')?.message).toContain('appendonly is no');
    for (const fault of faults) expect(fault.remedy).toMatch(/\w/);
  });

  it('finds tasks that nobody will take, jobs that nobody knows, and schedules without a clock', async () => {
    await world.rows(
      `INSERT INTO app.live (id, queue, job, status, ready_at, attempts_max) VALUES (gen_random_uuid(), 'lonely', 'test.noop', 'QUEUED', now(), 3)`,
    );
    await world.rows(
      `INSERT INTO app.live (id, queue, job, status, ready_at, attempts_max, parked) VALUES (gen_random_uuid(), 'default', 'from.the.future', 'QUEUED', now(), 3, 'from.the.future')`,
    );
    await shiftwork(['schedules', 'put', 'hourly', '{"job": "test.noop", "every": 3600000}']);
    const { code, faults } = await faultsOf();
    expect(code).toBe(1);
    const said = Object.fromEntries(faults.map((each) => [each.name, each.message]));
    expect(said['queues']).toContain('lonely (1 task)');
    expect(said['parked-jobs']).toContain('from.the.future (1 task)');
    expect(said['clock']).toContain('no clock leads');
  });
});
