import type { Command } from 'commander';
import type { Cli } from '../cli.js';

const HELP = `
BACKLOG: tasks that are due and wait. LATENCY: how long the oldest of them has waited. WORKERS: live processes that serve it.

Examples:
  shiftwork queues
  shiftwork queues pause low        nothing more of it starts, anywhere; enqueueing goes on
  shiftwork queues resume low

Exit codes: 0 done · 1 no such queue · 2 settings · 3 PostgreSQL or Redis cannot be reached`;

export function addQueues(program: Command, cli: Cli): void {
  const queues = program
    .command('queues')
    .description('how much waits, how long, and who serves it')
    .addHelpText('after', HELP);
  const actions = () => import('../actions/queues.js');
  queues
    .command('list', { isDefault: true })
    .description('every queue')
    .action(cli.doing(async () => (await actions()).listQueues));
  queues
    .command('pause')
    .argument('<queue>')
    .description('stop starting its tasks, in the whole fleet')
    .action(cli.doing(async () => (await actions()).pauseQueue));
  queues
    .command('resume')
    .argument('<queue>')
    .description('start its tasks again')
    .action(cli.doing(async () => (await actions()).resumeQueue));
}
