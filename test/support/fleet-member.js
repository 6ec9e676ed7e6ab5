/*
 * A member of a fleet and nothing else: joins, beats, and says as JSON lines what happens to it. Runs the compiled rooms, for
 * tests that freeze, block or kill a process. SIGUSR2 blocks its main loop for BLOCK_MS; SIGTERM leaves.
 */
import { loadSettings } from '../../dist/config/index.js';
import { Heartbeat, RollCall, ThisProcess } from '../../dist/fleet/index.js';
import { Deadline } from '../../dist/foundation/index.js';
import { Outbox, Processes } from '../../dist/ledger/index.js';
import { createLifecycle } from '../../dist/lifecycle/index.js';
import { openPostgres, Postgres } from '../../dist/postgres/index.js';
import { RedisClients } from '../../dist/redis/index.js';
import { Membership } from '../../dist/tasks/index.js';
import { Telemetry } from '../../dist/telemetry/index.js';

const say = (event, fields = {}) => process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);

const { settings } = loadSettings(process.env, ['worker']);
const telemetry = new Telemetry();
telemetry.addSink(({ name, fields }) => {
  say(name, fields);
});
const postgres = new Postgres(settings, []);
await openPostgres(postgres, telemetry);
const redis = new RedisClients(settings, telemetry);
await redis.untilReady(2_000);
const self = new ThisProcess(settings);
const heartbeat = new Heartbeat(settings, self, telemetry);
const roll = new RollCall(redis, postgres);
const { drain, drainables } = createLifecycle(settings, telemetry);
const nobody = { start: () => undefined, stop: async () => undefined }; // the test looks after the dead by itself
const membership = new Membership(
  self,
  heartbeat,
  roll,
  new Processes(postgres),
  new Outbox(postgres),
  nobody,
  drain,
  drainables,
  telemetry,
);

heartbeat.set({
  queues: ['default'],
  running: [{ task: 't1', job: 'a.job', queue: 'default', since: new Date().toISOString() }],
});
heartbeat.onDeaths((overdue) => {
  say('deaths', { ids: overdue.map(({ id }) => id) });
});
await membership.join();
say('joined', { process: self.id });

process.on('SIGUSR2', () => {
  const until = Date.now() + Number(process.env.BLOCK_MS ?? 0);
  while (Date.now() < until);
  say('unblocked');
});
process.on('SIGTERM', () => {
  void membership.flush(Deadline.after(5_000)).finally(() => process.exit(0));
});
setInterval(() => undefined, 1_000);
