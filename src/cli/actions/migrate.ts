import { checkedMigrations, migrate } from '../../postgres/index.js';
import type { Action } from '../action.js';
import { EXIT } from '../exit-codes.js';

export const migration: Action<[{ readonly check?: boolean }]> = {
  rooms: { modules: [], postgres: 'asked', redis: 'asked' },
  async run({ output }, { settings }, { check = false }) {
    const steps = check ? await checkedMigrations(settings) : await migrate(settings);
    output.answer(check ? { pending: steps } : { applied: steps }, () =>
      steps.length === 0
        ? 'The schema is up to date.'
        : `${check ? 'Pending' : 'Applied'}: ${steps.join(', ')}`,
    );
    return check && steps.length > 0 ? EXIT.no : EXIT.done;
  },
};
