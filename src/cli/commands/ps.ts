import type { Command } from 'commander';
import type { Cli } from '../cli.js';

const HELP = `
STATE is running, draining (quiet because of a drain) or quiet (on its way out). LAG is how late its main loop is: a large
number names a job that blocks it.

Exit codes: 0 done · 2 settings · 3 PostgreSQL or Redis cannot be reached`;

export function addPs(program: Command, cli: Cli): void {
  program
    .command('ps')
    .description('the processes that are alive, and what they run')
    .addHelpText('after', HELP)
    .action(cli.doing(async () => (await import('../actions/ps.js')).ps));
}
