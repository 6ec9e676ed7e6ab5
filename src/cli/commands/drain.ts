import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { roles, seconds } from '../options.js';

const HELP = `
Asks every clock and worker of this release to take no new work, waits until nothing is running any more, and says
whether it is safe to push. Safe: they stay quiet for the time of --hold, or until the new release starts, or until
"shiftwork resume". Not safe, Ctrl-C, or killed: they go on working at once (killed: within 15 s). The web answers all
the while, and what it accepts waits for the new release.

Examples:
  shiftwork drain && git push heroku main
  shiftwork drain --timeout 300 --hold 1800     jobs of minutes, a slow build
  shiftwork drain --role worker                 the clock goes on
  shiftwork drain --json | jq .busy             who is in the way?

Exit codes: 0 safe to push · 1 not safe: names who is busy with what · 2 wrong option or settings ·
            3 PostgreSQL or Redis cannot be reached · 130 Ctrl-C`;

export function addDrain(program: Command, cli: Cli): void {
  program
    .command('drain')
    .description('make the fleet quiet before a deploy, and say when it is safe to push')
    .option('--role <roles>', 'who is asked, separated by commas (default: clock,worker)', roles)
    .option('--timeout <seconds>', 'how long to wait for running tasks (default: 60)', seconds)
    .option('--hold <seconds>', 'how long the fleet stays quiet after "safe" (default: 900)', seconds)
    .option('--release <name>', "the release that is asked (default: this program's own)")
    .addHelpText('after', HELP)
    .action(cli.doing(async () => (await import('../actions/drain.js')).drain));
}
