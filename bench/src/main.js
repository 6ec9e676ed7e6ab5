import { cpus } from 'node:os';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
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

const { contenders, rows, rounds } = asked();
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

/** What the command line asks for; a fault in it ends the process before any server starts. */
function asked() {
  try {
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
    return {
      contenders: contendersOf(options),
      rows: rowsOf({ isQuick: options.quick, isDeep: options.all, prefixes: options.rows?.split(',') }),
      rounds: roundsOf(options),
    };
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

function contendersOf({ contenders, quick, all }) {
  if (contenders === undefined)
    return [
      'shiftwork',
      'bull',
      ...(quick ? [] : ['bullmq', 'pg-boss']),
      ...(all ? ['graphile-worker', 'nestjs-bull', 'bee-queue', ...installedForeign()] : []),
    ];
  const names = contenders.split(',');
  for (const name of names) {
    if (!existsSync(new URL(`./contenders/${name}.js`, import.meta.url)))
      throw new Error(`There is no contender "${name}".`);
  }
  return names;
}

function roundsOf({ rounds, quick }) {
  const number = Number(rounds ?? (quick ? 3 : 5));
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`--rounds is "${rounds}"; it must be a whole number of 1 or more.`);
  return number;
}
