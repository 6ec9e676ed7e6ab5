import { cpus } from 'node:os';
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Bench } from './bench.js';
import { installedForeign } from './foreign/foreign.js';
import { rowsOf } from './rows/index.js';
import { runRows } from './run-rows.js';
import { startServers } from './servers.js';
import { table } from './table.js';

const HELP = `npm run bench -- [--quick] [--all] [--rounds N] [--rows a,b] [--contenders a,b]
  --quick       the essential rows, three rounds, Shiftwork and raw Bull
  --all         graphile-worker, @nestjs/bull and bee-queue too, Sidekiq, Celery and RQ where Debian's packages of them
                are installed, and a backlog of a million
  --rows        only rows whose id begins with one of these
  --contenders  instead of: shiftwork,bull,bullmq,pg-boss
Prints what docs/performance.md shows.`;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    rows: { type: 'string' },
    contenders: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit();
}

const contenders = options.contenders?.split(',') ?? [
  'shiftwork',
  'bull',
  ...(options.quick ? [] : ['bullmq', 'pg-boss']),
  ...(options.all ? ['graphile-worker', 'nestjs-bull', 'bee-queue', ...installedForeign()] : []),
];
const rows = rowsOf({ isQuick: options.quick, isDeep: options.all, prefixes: options.rows?.split(',') });
const rounds = Number(options.rounds ?? (options.quick ? 3 : 5));

const servers = await startServers();
const bench = new Bench(servers);
try {
  const results = await runRows(bench, rows, { contenders, rounds, say: (text) => console.error(text) });
  const versions = await servers.versions();
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${versions.node}, PostgreSQL ${versions.postgres}, Redis ${versions.redis}; medians of ${rounds} interleaved rounds`;
  const text = `${machine}\n\n${table(results, contenders)}\n`;
  console.log(text);
  mkdirSync(new URL('../results/', import.meta.url), { recursive: true });
  writeFileSync(new URL('../results/latest.md', import.meta.url), text);
} finally {
  await bench.stop();
  await servers.stop();
}
process.exit();
