import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Cli } from '../cli.js';
import { positive } from '../options.js';

const HELP = `
A task whose attempts are used up has a FailedTask, which stays OPEN until somebody retries or dismisses it.

Examples:
  shiftwork failed                                   all that is on record, the open ones first
  shiftwork failed list --groups                     one line per cause
  shiftwork failed show 019391c2-…                   error, stack, every attempt, the payload
  shiftwork failed retry 019391c2-…                  run it again (twice makes one task)
  shiftwork failed retry 019391c2-… --payload '{"width": 200}'
  shiftwork failed retry --job images.thumbnail      every open one of a job, in the background
  shiftwork failed dismiss 019391c2-… --reason "customer is gone"

Exit codes: 0 done · 1 no such FailedTask, or dismissed already · 2 wrong option, payload or settings · 3 PostgreSQL cannot be reached`;

const STATES = ['OPEN', 'RETRIED', 'RESOLVED', 'DISMISSED'];

const actions = () => import('../actions/failed.js');

export function addFailed(program: Command, cli: Cli): void {
  const failed = program
    .command('failed')
    .description('tasks that failed for good: look, retry, dismiss')
    .addHelpText('after', HELP);
  addList(failed, cli);
  failed
    .command('show')
    .description('one of them, with everything that is known')
    .argument('<id>')
    .action(cli.doing(async () => (await actions()).showFailed));
  filtered(failed.command('retry').description('run one again, or every open one that fits'))
    .argument('[id]')
    .option('--payload <json>', 'another payload for this one')
    .action(cli.doing(async () => (await actions()).retryFailed));
  filtered(
    failed.command('dismiss').description('close one, or every open one that fits, without running it again'),
  )
    .argument('[id]')
    .option('--reason <text>', 'why; it is kept')
    .action(cli.doing(async () => (await actions()).dismissFailed));
}

function addList(failed: Command, cli: Cli): void {
  failed
    .command('list', { isDefault: true })
    .description('open ones first, the newest of each first')
    .addOption(new Option('--state <state>', `one of ${STATES.join(', ')}`).argParser(state))
    .option('--job <name>')
    .option('--queue <name>')
    .option('--key <text>', "the tasks' own tag")
    .option('--fingerprint <text>', 'one cause')
    .option('--groups', 'one line per cause')
    .option('--limit <n>', 'at most 200', positive, 50)
    .option('--cursor <text>', 'where the page before ended')
    .action(cli.doing(async () => (await actions()).listFailed));
}

function filtered(command: Command): Command {
  return command
    .option('--job <name>', 'every open one of this job')
    .option('--queue <name>', 'every open one of this queue')
    .option('--key <text>', 'every open one with this tag')
    .option('--fingerprint <text>', 'every open one of this cause')
    .option('--all', 'every open one');
}

function state(text: string): string {
  const found = STATES.find((each) => each === text.toUpperCase());
  if (found === undefined) throw new InvalidArgumentError(`Give one of ${STATES.join(', ')}.`);
  return found;
}
