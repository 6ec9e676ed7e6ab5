import type { Command } from 'commander';
import type { Cli } from '../cli.js';

const HELP = `
Brings the schema (named as APP_NAME) up to this release. Safe to run twice, from two sides, and while the old release
works: steps only add (expand), and a later release takes away (contract).

Examples:
  shiftwork migrate             in the release phase, before the new code starts
  shiftwork migrate --check     exit 1 if something is pending, change nothing

Exit codes: 0 up to date · 1 pending with --check, or the schema is newer than this code · 2 settings · 3 PostgreSQL cannot be reached`;

export function addMigrate(program: Command, cli: Cli): void {
  program
    .command('migrate')
    .description('create or update the tables')
    .option('--check', 'only say what is pending')
    .addHelpText('after', HELP)
    .action(cli.doing(async () => (await import('../actions/migrate.js')).migration));
}
