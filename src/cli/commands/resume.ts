import type { Command } from 'commander';
import type { Cli } from '../cli.js';

const HELP = `
Takes back every drain: leases of callers that still wait, and holds that "safe to push" left behind. Harmless when there is none.

Example:
  shiftwork drain && git push heroku main || shiftwork resume     the push was refused: go on working

Exit codes: 0 done, also when nothing was quiet · 2 settings · 3 Redis cannot be reached`;

export function addResume(program: Command, cli: Cli): void {
  program
    .command('resume')
    .description('end every drain: the fleet works again')
    .addHelpText('after', HELP)
    .action(cli.doing(async () => (await import('../actions/resume.js')).resume));
}
