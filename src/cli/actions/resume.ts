import { ControlModule, DrainRequest } from '../../control/index.js';
import type { Action } from '../action.js';
import { EXIT } from '../exit-codes.js';
import { count } from '../words.js';

export const resume: Action = {
  rooms: { modules: [ControlModule], postgres: 'asked' }, // a fleet must be able to work again while PostgreSQL is away
  async run({ output }, rooms) {
    const answer = await rooms.get(DrainRequest).resume();
    output.answer(answer, () =>
      answer.resumed.length === 0
        ? 'Nothing was quiet.'
        : `${count(answer.resumed.length, 'process')} resumed: ${answer.resumed.join(', ')}`,
    );
    return EXIT.done;
  },
};
