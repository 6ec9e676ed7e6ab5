import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AttentionEvents } from '../../../src/failures/attention-events.js';
import { AttentionWatch } from '../../../src/failures/attention-watch.js';
import { Attention } from '../../../src/failures/attention.js';
import { RollCall } from '../../../src/fleet/index.js';
import { MINUTE } from '../../../src/foundation/index.js';
import { AttentionChecks, FAILURE_CHORES_DUE, ReadTasks } from '../../../src/ledger/index.js';
import { RedisClients } from '../../../src/redis/index.js';
import { BacklogGuard } from '../../../src/tasks/index.js';
import { openWorld, type World } from '../../support/failures.js';
import { newTask } from '../../support/ledger.js';
import { MailSink } from '../../support/mail-sink.js';
import { waitFor } from '../../support/wait.js';

let sink: MailSink;
beforeAll(async () => {
  sink = await MailSink.start();
});
afterAll(async () => {
  await sink.stop();
});

let world: World;
let close: () => Promise<void>;
beforeEach(async () => {
  sink.mails.length = 0;
  world = await openWorld({ mail: sink, env: { QUEUE_LIMITS: 'small:2' } });
});
afterEach(async () => {
  await close();
  await world.close();
});

async function open(unservedMs = MINUTE) {
  const process = await world.join({ policy: { unservedMs } });
  const redis = new RedisClients(world.settings, process.telemetry);
  await redis.untilReady(10_000);
  const roll = new RollCall(redis, world.postgres);
  const attention = new Attention(
    process.digests,
    process.digest,
    process.mailer,
    process.telemetry,
    process.policy,
  );
  const guard = new BacklogGuard(world.settings, new ReadTasks(world.postgres), roll);
  const events = new AttentionEvents(attention, guard, process.telemetry);
  events.start();
  process.digest.start();
  close = async () => {
    await events.stop();
    await process.digest.stop();
    redis.close();
  };
  const watch = new AttentionWatch(new AttentionChecks(world.postgres), roll, attention, process.policy);
  return { ...process, guard, watch };
}

async function isDue(): Promise<boolean> {
  const [row] = await world.postgres.query<{ due: boolean }>({ text: `SELECT ${FAILURE_CHORES_DUE} AS due` });
  return row?.due ?? false;
}

/** The subject of the one mail that comes, and what it says. */
async function mail(): Promise<string> {
  const first = await waitFor('a mail', () => sink.mails[0]);
  return `${first.subject}\n${first.text}`;
}

describe('the admins hear', () => {
  it('of a queue that somebody paused and forgot, once, and again only after an interval', async () => {
    const { watch, digest } = await open();
    await world.postgres.query({
      text: `INSERT INTO shiftwork.queue_state VALUES ('mail', true, 'ada', now() - interval '50 minutes')`,
    });
    expect(await isDue()).toBe(false);
    await watch.look();
    await world.postgres.query({
      text: `UPDATE shiftwork.queue_state SET paused_at = now() - interval '61 minutes'`,
    });
    expect(await isDue()).toBe(true);
    await watch.look();
    expect(await mail()).toMatch(/queue "mail" has been paused for more than an hour[^]*ada paused it/);
    await waitFor(
      'the mark',
      async () => (await world.postgres.query({ text: 'SELECT 1 FROM shiftwork.digest_mail' })).length === 1,
    );
    await watch.look();
    digest.nudge();
    expect(sink.mails).toHaveLength(1);
  });

  it('of a queue with waiting tasks and no worker, when it is seen twice', async () => {
    const { watch } = await open(1);
    await world.accepting.acceptEach([newTask({ queue: 'lonely' })]);
    expect(await isDue()).toBe(false); // it has only just come
    await world.postgres.query({ text: `UPDATE shiftwork.live SET ready_at = now() - interval '2 minutes'` });
    expect(await isDue()).toBe(true);
    await watch.look();
    expect(await mail()).toMatch(/queue "lonely" has no worker[^]*1 tasks wait/);
  });

  it('of a job that nobody knows', async () => {
    const { watch } = await open();
    await world.accepting.acceptEach([newTask({ job: 'from.the.future' })]);
    await world.postgres.query({
      text: `UPDATE shiftwork.live SET parked = job, ready_at = now() - interval '11 minutes'`,
    });
    expect(await isDue()).toBe(true);
    await watch.look();
    expect(await mail()).toContain('nobody knows the job "from.the.future"');
  });

  it('of a full backlog, once, however many are refused', async () => {
    const { guard } = await open();
    await world.accepting.acceptEach([newTask({ queue: 'small' }), newTask({ queue: 'small' })]);
    const refused = await Promise.allSettled(Array.from({ length: 20 }, () => guard.takeRoom('small', 1)));
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await mail()).toContain('queue "small" has reached its limit of 2 waiting tasks');
    expect(sink.mails).toHaveLength(1);
  });

  it('of a drain that lapsed and of a fleet without a clock', async () => {
    const { telemetry } = await open();
    telemetry.emit('drain.lapsed', { wish: 'w1', kind: 'hold', by: 'ci', release: 'r7' });
    telemetry.emit('clock.nobodyLeads', { forMs: MINUTE });
    await waitFor('two mails', () => sink.mails.length === 2);
    const subjects = sink.mails.map(({ subject }) => subject).join('\n');
    expect(subjects).toContain('a drain of release r7 ran out');
    expect(subjects).toContain('no clock leads');
  });
});
