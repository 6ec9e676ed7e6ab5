import { Module, type Type } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { loadSettings, type Settings } from '../../src/config/index.js';
import { ChooseMail } from '../../src/failures/choose-mail.js';
import { DEFAULT_DIGEST_POLICY, type DigestPolicy } from '../../src/failures/digest-policy.js';
import { FailureChain } from '../../src/failures/failure-chain.js';
import { FailureDigest } from '../../src/failures/failure-digest.js';
import { FailureLinks } from '../../src/failures/failure-links.js';
import { NotifyAdmins } from '../../src/failures/notify-admins.js';
import { RecordFailedTask } from '../../src/failures/record-failed-task.js';
import { RunLinks } from '../../src/failures/run-links.js';
import { ThisProcess } from '../../src/fleet/index.js';
import { newId } from '../../src/foundation/index.js';
import {
  AcceptTasks,
  Digests,
  type ErrorJson,
  Executions,
  FailedTask,
  JobDefinitions,
  Outbox,
  PendingFailures,
  Processes,
  ReadFailedTasks,
  RecordFailedTasks,
  TaskNow,
} from '../../src/ledger/index.js';
import { Mailer, SmtpTransport } from '../../src/mail/index.js';
import { migrate, Postgres } from '../../src/postgres/index.js';
import { type EmittedEvent, Telemetry } from '../../src/telemetry/index.js';
import { endOfRun, newTask } from './ledger.js';
import type { MailSink } from './mail-sink.js';
import { dropSchema, environmentOf, uniqueAppName } from './servers.js';

export interface WorldOptions {
  readonly mail?: MailSink;
  readonly env?: Record<string, string>;
}

/** A world in which tasks can fail, and any number of processes that handle it. */
export async function openWorld({ mail, env = {} }: WorldOptions = {}) {
  const appName = uniqueAppName();
  const mailEnv =
    mail === undefined
      ? {}
      : { SMTP_URL: mail.url, ADMINS: 'a@example.org,b@example.org', PUBLIC_URL: 'https://jobs.example.org' };
  const { settings } = loadSettings({ ...environmentOf(appName), RELEASE: 'r1', ...mailEnv, ...env }, [
    'worker',
  ]);
  await migrate(settings);
  const postgres = new Postgres(settings, [TaskNow, FailedTask]);
  await postgres.dataSource.initialize();
  const outbox = new Outbox(postgres);
  const executions = new Executions(postgres, settings);
  const accepting = new AcceptTasks(postgres, outbox);
  const runner = await register(postgres, settings);
  outbox.belongTo(runner.id);

  /** Tasks that ran and failed for good, in the ledger's own statements. Answers their ids. */
  async function fail(count = 1, what: Failing = {}): Promise<string[]> {
    const tasks = Array.from({ length: count }, () =>
      newTask({
        job: what.job ?? 'test.job',
        queue: what.queue ?? 'default',
        ...(what.payload === undefined ? {} : { payloadText: JSON.stringify(what.payload) }),
      }),
    );
    await accepting.acceptEach(tasks);
    const deliveries = tasks.map((task) => ({ taskId: task.id, claim: mintClaim(runner) }));
    await executions.start(runner.id, deliveries);
    const error = { ...ANY_ERROR, ...what.error };
    await Promise.all(
      deliveries.map(({ taskId, claim }) =>
        executions.end(
          endOfRun({
            id: taskId,
            claim,
            status: 'FAILED',
            outcome: 'error',
            error,
            chargeAttempt: true,
            failureKind: what.kind ?? 'error',
          }),
        ),
      ),
    );
    return tasks.map((task) => task.id);
  }

  /** One more process with the failures' room. */
  async function join({ links = [], policy = {} }: JoinOptions = {}) {
    const telemetry = new Telemetry();
    const events: EmittedEvent[] = [];
    telemetry.addSink((event) => events.push(event));
    const self = await register(postgres, settings);
    const found = await linksOf(links);
    const transport = new SmtpTransport(settings.smtpUrl ?? 'smtp://127.0.0.1:1', settings.mailFrom);
    const mailer = new Mailer(settings, transport);
    const wholePolicy: DigestPolicy = { ...DEFAULT_DIGEST_POLICY, ...policy };
    const digests = new Digests(postgres);
    const pending = new PendingFailures(postgres);
    const failedTasks = new RecordFailedTasks(postgres);
    const notify = new NotifyAdmins(mailer, wholePolicy);
    const chain = new FailureChain(
      self,
      pending,
      new RecordFailedTask(pending, failedTasks),
      found,
      new RunLinks(found, telemetry),
      notify,
      telemetry,
    );
    const digest = new FailureDigest(
      new ChooseMail(postgres, digests, wholePolicy, settings),
      digests,
      mailer,
      self,
      telemetry,
      wholePolicy,
    );
    return {
      self,
      events,
      chain,
      digest,
      digests,
      mailer,
      telemetry,
      policy: wholePolicy,
      /** Records and handles everything, as the loops would. */
      handleAll: async (signal = new AbortController().signal): Promise<void> => {
        await chain.record(false, signal);
        while (!signal.aborted && (await chain.handleSome(signal)) > 0);
      },
      /** As after a kill -9 and its rescue. */
      die: async (): Promise<void> => {
        await postgres.query(
          { text: 'UPDATE shiftwork.process SET gone_at = now(), resolved_at = now() WHERE id = $1' },
          [self.id],
        );
      },
    };
  }

  return {
    appName,
    settings,
    postgres,
    outbox,
    executions,
    runner,
    fail,
    join,
    accepting,
    reads: new ReadFailedTasks(postgres),
    definitions: new JobDefinitions(postgres),
    failedTasks: () =>
      postgres.query<{ task: string; fingerprint: string; handled_by: string | null; id: string }>({
        text: 'SELECT * FROM shiftwork.failed_task ORDER BY seq',
      }),
    pendingCount: async (): Promise<number> =>
      (
        await postgres.query<{ n: number }>({
          text: 'SELECT count(*)::int AS n FROM shiftwork.pending_failure',
        })
      )[0]?.n ?? -1,
    /** Claims one failure for a process, which then does nothing about it. Answers the tasks. */
    claimAs: async ({ self }: { self: ThisProcess }, which: 'fresh' | 'suspect'): Promise<string[]> =>
      (await new PendingFailures(postgres).claim(self.id, which, 1)).map((failure) => failure.task),
    /** Pretends that time has passed for what is due. */
    letPass: async (ms: number): Promise<void> => {
      await postgres.query(
        {
          text: `UPDATE shiftwork.digest SET due_at = due_at - $1 * interval '1 ms', mailed_at = mailed_at - $1 * interval '1 ms'`,
        },
        [ms],
      );
      await postgres.query(
        { text: `UPDATE shiftwork.digest_mail SET sent_at = sent_at - $1 * interval '1 ms'` },
        [ms],
      );
    },
    /** Makes everything that is in the ledger this many days older: ids begin with their time. */
    age: async (days: number): Promise<void> => {
      const older = (id: string): string =>
        `(lpad(to_hex(('x' || left(replace(${id}::text, '-', ''), 12))::bit(48)::bigint - ${String(days * 86_400_000)}), 12, '0') || substr(replace(${id}::text, '-', ''), 13))::uuid`;
      for (const statement of [
        `UPDATE shiftwork.task SET id = ${older('id')}`,
        `UPDATE shiftwork.ended SET id = ${older('id')}, finished_at = finished_at - interval '${String(days)} days'`,
        `UPDATE shiftwork.failed_task SET task = ${older('task')}, retried_as = ${older('retried_as')}, closed_at = closed_at - interval '${String(days)} days'`,
      ])
        await postgres.query({ text: statement });
    },
    close: async (): Promise<void> => {
      await postgres.close();
      await dropSchema(appName);
    },
  };
}

export type World = Awaited<ReturnType<typeof openWorld>>;

interface JoinOptions {
  readonly links?: readonly Type[];
  readonly policy?: Partial<DigestPolicy>;
}

interface Failing {
  readonly job?: string;
  readonly queue?: string;
  readonly payload?: unknown;
  readonly error?: Partial<ErrorJson>;
  readonly kind?: 'error' | 'timeout' | 'crashed';
}

const ANY_ERROR: ErrorJson = {
  name: 'Error',
  message: 'broken',
  code: null,
  stack: 'Error: broken\n    at Job.run (/app/src/job.ts:1:1)',
  at: '2026-11-21T08:00:00.000Z',
};

let claims = 0;

/** A claim of this process that was never used before. */
export function mintClaim({ id }: ThisProcess): string {
  return `${id}:${String(++claims)}`;
}

async function register(postgres: Postgres, settings: Settings): Promise<ThisProcess> {
  const self = new ThisProcess(settings);
  self.become(newId());
  await new Processes(postgres).register({
    id: self.id,
    roles: ['worker'],
    host: 'h',
    pid: 1,
    release: 'r1',
  });
  return self;
}

async function linksOf(classes: readonly Type[]): Promise<FailureLinks> {
  @Module({ imports: [DiscoveryModule], providers: [FailureLinks, ...classes] })
  class Links {}
  const app = await NestFactory.createApplicationContext(Links, { logger: false });
  return app.get(FailureLinks);
}
