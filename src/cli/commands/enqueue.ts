import { Option, type Command } from 'commander';
import type { Cli } from '../cli.js';
import { instant, positive, seconds } from '../options.js';

const HELP = `
The payload is checked against the job's schema before anything is written. When this command ends with 0 the task is
committed: Redis may be away, it will be dispatched.

Examples:
  shiftwork enqueue reports.daily
  shiftwork enqueue images.thumbnail '{"source": "rocket.jpg", "widths": [200]}' --wait
  jq -c . order.json | shiftwork enqueue orders.ship - --idempotency-key order:17
  shiftwork enqueue reports.daily '{}' --delay 3600 --key nightly

Exit codes: 0 accepted; with --wait: FINISHED · 1 no such job; with --wait: FAILED or CANCELLED ·
            2 the payload or an option is wrong · 3 PostgreSQL cannot be reached · 130 Ctrl-C while waiting (the task goes on)`;

export function addEnqueue(program: Command, cli: Cli): void {
  program
    .command('enqueue')
    .description('ask for a job to be run')
    .argument('<job>', 'its name, as in "GET /jobs"')
    .argument('[payload]', 'JSON, or - to read it from stdin', '{}')
    .option('--wait', 'wait for its end and show the progress')
    .addOption(
      new Option('--delay <seconds>', 'not before so many seconds').argParser(seconds).conflicts('runAt'),
    )
    .option('--run-at <instant>', 'not before this moment (ISO 8601)', instant)
    .option('--key <text>', 'your own tag; lists can be filtered by it')
    .option('--priority <1-1000>', '1 is first; without one it comes after all that have one', positive)
    .option('--attempts <n>', 'executions that may end in an error', positive)
    .option('--timeout <seconds>', 'how long an attempt may take', seconds)
    .option('--idempotency-key <text>', 'the same key gives the same task')
    .option('--require-worker', 'refuse when no live worker serves the queue')
    .addHelpText('after', HELP)
    .action(cli.doing(async () => (await import('../actions/enqueue.js')).enqueue));
}
