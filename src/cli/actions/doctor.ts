import { ClockModule } from '../../clock/index.js';
import { FailuresModule } from '../../failures/index.js';
import type { Check } from '../../foundation/index.js';
import { TasksModule } from '../../tasks/index.js';
import type { Action } from '../action.js';
import { diagnose } from '../doctor.js';
import { EXIT } from '../exit-codes.js';

export const doctor: Action = {
  rooms: { modules: [TasksModule, FailuresModule, ClockModule], postgres: 'asked', redis: 'asked' },
  async run({ output }, rooms) {
    const { ok, checks, isReachable } = await diagnose(rooms);
    output.answer({ ok, checks }, () => checks.map(lineOf).join('\n'));
    if (!isReachable) return EXIT.unreachable;
    return ok ? EXIT.done : EXIT.no;
  },
};

function lineOf({ ok, name, message, remedy }: Check): string {
  return `${ok ? 'ok   ' : 'FAULT'}  ${name}: ${message}${remedy === null ? '' : `\n       → ${remedy}`}`;
}
