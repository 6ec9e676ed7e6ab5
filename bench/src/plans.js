import 'reflect-metadata';
import { createRequire } from 'node:module';
import { NestFactory } from '@nestjs/core';
import { loadSettings, FailedTasks, Queues, ShiftworkModule, Tasks } from '../../dist/index.js';
import { ReadTasks, Undispatched } from '../../dist/ledger/index.js';
import { migrate } from '../../dist/postgres/index.js';
import { startServers } from './servers.js';

/*
 * node bench/src/plans.js [rows]: fills a ledger (10,000,000 tasks by default, a hundredth of them live) and shows how
 * PostgreSQL answers what the product asks: for each statement the time, the rows it touched, and the indexes it used.
 */
const ROWS = Number(process.argv[2] ?? 10_000_000);
const BATCH = 500_000;
const QUEUES = ['high', 'default', 'low', 'mail', 'images'];

const servers = await startServers();
const { settings } = loadSettings(
  {
    DATABASE_URL: servers.databaseUrl,
    REDIS_URL: servers.redisUrl,
    QUEUES: QUEUES.map((queue) => `${queue}:1`).join(','),
    LOG_LEVEL: 'error',
  },
  [],
);
await migrate(settings);
await fill();

const asked = watchQueries();
const app = await NestFactory.createApplicationContext(ShiftworkModule.forRoot({ settings, http: false }), {
  logger: ['error'],
});
const [reads, undispatched, tasks, failures, queues] = [
  ReadTasks,
  Undispatched,
  Tasks,
  FailedTasks,
  Queues,
].map((type) => app.get(type, { strict: false }));
const some = await sample();
for (const [what, ask] of questions()) await show(what, ask);
await app.close();
await servers.stop();
process.exit();

// 1 in 100 is live; of the others 1 in 50 failed. Ids are those of the moment at which each would have been accepted.
async function fill() {
  console.error(`filling ${ROWS} rows`);
  await servers.query('SET synchronous_commit = off');
  for (let from = 0; from < ROWS; from += BATCH) {
    await servers.query(
      `WITH n AS MATERIALIZED (
         SELECT i, uuidv7((i - $2) * interval '25 ms') AS id, 'job.' || (i % 20) AS job, $3::text[] AS queues
           FROM generate_series($1::int, $1::int + ${BATCH} - 1) AS i),
       t AS (INSERT INTO shiftwork.task (id, job, queue, payload, key, attempts_max, backoff, on_worker_lost, run_at)
             SELECT id, job, queues[1 + (i / 100) % 5], '{"n":1}', CASE WHEN i % 10 = 0 THEN 'order:' || (i % 1000) END, 3, '{}', 'rerun', now() FROM n),
       l AS (INSERT INTO shiftwork.live (id, queue, job, status, ready_at, attempts_max)
             SELECT id, queues[1 + (i / 100) % 5], job, CASE WHEN i % 1000 = 0 THEN 'STARTED' ELSE 'QUEUED' END, now(), 3 FROM n WHERE i % 100 = 0)
       INSERT INTO shiftwork.ended (id, status, execution, attempts_made, interruptions, crashes, version, progress_percent)
       SELECT id, CASE WHEN i % 50 = 1 THEN 'FAILED' ELSE 'FINISHED' END, 1, 0, 0, 0, 2, 100 FROM n WHERE i % 100 <> 0`,
      [from, ROWS, QUEUES],
    );
    console.error(`${from + BATCH}`);
  }
  await servers.query('VACUUM ANALYZE');
}

function questions() {
  return [
    ['GET /tasks/:id', () => tasks.get(some.middle)],
    ['GET /tasks', () => reads.page({}, 50, null)],
    ['GET /tasks, a page in the middle', () => reads.page({}, 50, some.middle)],
    ['GET /tasks?status=QUEUED', () => reads.page({ status: 'QUEUED' }, 50, null)],
    ['GET /tasks?status=FAILED', () => reads.page({ status: 'FAILED' }, 50, null)],
    ['GET /tasks?status=FINISHED&job=', () => reads.page({ status: 'FINISHED', job: 'job.7' }, 50, null)],
    ['GET /tasks?queue=', () => reads.page({ queue: 'low' }, 50, null)],
    ['GET /tasks?key=', () => reads.page({ key: 'order:490' }, 50, null)],
    ['GET /tasks?q= the beginning of an id', () => reads.page({ q: some.middle.slice(0, 18) }, 50, null)],
    ['position in its queue', () => reads.position(some.waiting)],
    ['GET /queues', () => queues.list()],
    ['backlog limit', () => reads.waitingCount('high', 1_000)],
    ['refill, a page', () => undispatched.waitingPage('high', null, 200, 600_000)],
    ['GET /failed-tasks', () => failures.list()],
    [
      'due within ten minutes',
      () => undispatched.dueWithin(new Date(), some.middle, new Date(Date.now() + 600_000), 1_000),
    ],
  ];
}

async function sample() {
  const [{ id: middle }] = await servers.query(
    'SELECT id FROM shiftwork.task ORDER BY id OFFSET 1000 LIMIT 1',
  );
  const [{ id: waiting }] = await servers.query(
    `SELECT id FROM shiftwork.live WHERE status = 'QUEUED' ORDER BY id DESC LIMIT 1`,
  );
  return { middle, waiting };
}

// Everything that goes through the driver, with its values.
function watchQueries() {
  const seen = [];
  // The driver that the product loads, not the one of the bench.
  const pg = createRequire(new URL('../../package.json', import.meta.url))('pg');
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = function (config, values, ...rest) {
    const text = typeof config === 'string' ? config : config?.text;
    if (text !== undefined && !text.startsWith('EXPLAIN'))
      seen.push({ text, values: values instanceof Function ? [] : (config.values ?? values ?? []) });
    return query.call(this, config, values, ...rest);
  };
  return seen;
}

async function show(what, ask) {
  asked.length = 0;
  await ask();
  for (const { text, values } of asked.filter((each) => /^\s*(SELECT|WITH)/i.test(each.text))) {
    const rows = await servers.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
    const [{ Plan: plan, 'Execution Time': ms }] = rows[0]['QUERY PLAN'];
    const nodes = flat(plan);
    const indexes = [...new Set(nodes.map((node) => node['Index Name']).filter(Boolean))];
    const scans = nodes
      .filter((node) => node['Node Type'] === 'Seq Scan')
      .map((node) => node['Relation Name']);
    const touched = Math.max(...nodes.map((node) => node['Actual Rows'] * node['Actual Loops']));
    console.log(
      `| ${what} | ${ms.toFixed(1)} ms | ${touched} | ${indexes.join(', ')}${scans.length > 0 ? ` (whole table: ${scans.join(', ')})` : ''} |`,
    );
    what = '…';
  }
}

function flat(plan) {
  return [plan, ...(plan.Plans ?? []).flatMap(flat)];
}
