import type { Command } from 'commander';
import type { Action } from '../action.js';
import type { Cli } from '../cli.js';

const HELP = `
Examples:
  shiftwork schedules                                   every schedule, its last and next tick
  shiftwork schedules run reports.daily                 enqueue its job now; the timetable stays as it is
  shiftwork schedules pause reports.daily
  shiftwork schedules ticks reports.daily               what became of each due moment
  shiftwork schedules put nightly '{"job": "reports.daily", "cron": "0 3 * * *", "timeZone": "Europe/Berlin"}'

Exit codes: 0 done · 1 no such schedule · 2 a fault in the schedule, wrong option or settings · 3 PostgreSQL cannot be reached`;

const actions = () => import('../actions/schedules.js');

export function addSchedules(program: Command, cli: Cli): void {
  const schedules = program
    .command('schedules')
    .description('recurring work: look, run now, pause, change')
    .addHelpText('after', HELP);
  const add = (name: string, description: string, load: () => Promise<Action<[schedule: string]>>): void => {
    schedules.command(name).argument('<name>').description(description).action(cli.doing(load));
  };
  schedules
    .command('list', { isDefault: true })
    .description('every schedule')
    .action(cli.doing(async () => (await actions()).listSchedules));
  add('run', 'enqueue its job now', async () => (await actions()).runSchedule);
  add('pause', 'fire nothing until it is resumed', async () => (await actions()).pauseSchedule);
  add('resume', 'fire again, from now on', async () => (await actions()).resumeSchedule);
  add('ticks', 'what became of its due moments, newest first', async () => (await actions()).listTicks);
  add('delete', 'remove it; its tasks stay', async () => (await actions()).deleteSchedule);
  schedules
    .command('put')
    .argument('<name>')
    .argument('<body>', 'JSON as in PUT /schedules/:name, or - to read it from stdin')
    .description('make or replace one')
    .action(cli.doing(async () => (await actions()).putSchedule));
}
