import { Command } from 'commander';
import type { Cli } from './cli.js';
import { addDoctor } from './commands/doctor.js';
import { addDrain } from './commands/drain.js';
import { addEnqueue } from './commands/enqueue.js';
import { addFailed } from './commands/failed.js';
import { addMigrate } from './commands/migrate.js';
import { addPs } from './commands/ps.js';
import { addQueues } from './commands/queues.js';
import { addResume } from './commands/resume.js';
import { addSchedules } from './commands/schedules.js';
import { addTask } from './commands/task.js';
import { EXIT_CODES_HELP } from './exit-codes.js';

const INTRODUCTION = `Background work that survives a deploy: look at it, feed it, and stop it safely.

Runs anywhere that reaches DATABASE_URL and REDIS_URL (a one-off dyno, a pod, a laptop), with the APP_NAME of the app.`;

const EXAMPLES = `
Examples:
  shiftwork drain && git push heroku main       deploy without killing a job
  shiftwork enqueue images.thumbnail '{"source": "rocket.jpg", "widths": [200]}' --wait
  shiftwork failed list --state OPEN            what needs a person
  shiftwork doctor                              is this installation sound?
  shiftwork ps --json | jq '.items[].running'   everything speaks JSON`;

/** The whole command line. Parsing it runs the command. */
export function programOf(cli: Cli): Command {
  const program = new Command('shiftwork')
    .description(INTRODUCTION)
    .option('--json', 'print one JSON document on stdout (one a line while following); logs stay on stderr')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES_HELP}\n\nMore on a command: shiftwork drain --help`)
    .showHelpAfterError('(add --help for what the command takes)')
    .configureHelp({ showGlobalOptions: true })
    .hook('preAction', (root) => {
      cli.output.json = root.opts<{ json?: boolean }>().json === true;
    });
  for (const add of [
    addDrain,
    addResume,
    addPs,
    addQueues,
    addEnqueue,
    addTask,
    addFailed,
    addSchedules,
    addMigrate,
    addDoctor,
  ])
    add(program, cli);
  for (const command of everyCommand(program)) throwInsteadOfExiting(command, cli);
  return program;
}

// commander would end the process itself: then nothing could be closed, and its exit code for a wrong option is 1.
function throwInsteadOfExiting(command: Command, cli: Cli): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => cli.output.streams.stdout.write(text),
    writeErr: (text) => cli.output.streams.stderr.write(text),
  });
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
