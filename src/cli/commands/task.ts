import type { Command } from 'commander';
import type { Cli } from '../cli.js';

const HELP = `
Examples:
  shiftwork task 019391c2-…                  status, progress, result or error, every execution
  shiftwork task 019391c2-… --follow         status, progress and log lines as they come, to the end
  shiftwork task 019391c2-… --logs           what it wrote with task.log()
  shiftwork task 019391c2-… --follow --json  one {event, data} a line

Exit codes: 0 done, whatever became of the task · 1 no such task · 2 settings · 3 PostgreSQL cannot be reached · 130 Ctrl-C`;

export function addTask(program: Command, cli: Cli): void {
  program
    .command('task')
    .description('one task: how far it is, and what became of it')
    .argument('<id>')
    .option('--follow', 'go on showing what happens until its end')
    .option('--logs', 'show the lines it logged')
    .addHelpText('after', HELP)
    .action(cli.doing(async () => (await import('../actions/task.js')).task));
}
