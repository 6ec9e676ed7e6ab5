import type { Command } from 'commander';
import type { Cli } from '../cli.js';

const HELP = `
Looks at: PostgreSQL (version, pending migrations, clock, connections), Redis (version, eviction policy, persistence, clock,
connections), silent processes, queues with waiting tasks and no worker, schedules without a leading clock, tasks whose job
nobody knows, open failed tasks (for information).

Example, in the release phase:
  shiftwork migrate && shiftwork doctor

Exit codes: 0 sound · 1 a fault was found · 2 settings · 3 PostgreSQL or Redis cannot be reached`;

export function addDoctor(program: Command, cli: Cli): void {
  program
    .command('doctor')
    .description('is this installation sound? Names each fault and its remedy')
    .addHelpText('after', HELP)
    .action(cli.doing(async () => (await import('../actions/doctor.js')).doctor));
}
