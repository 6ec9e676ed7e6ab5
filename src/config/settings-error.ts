import { ShiftworkError } from '../foundation/index.js';

/** Boot: everything that is wrong with the environment, at once. Secrets are masked. */
export class SettingsError extends ShiftworkError {
  readonly code = 'bad-settings';
  constructor(readonly faults: readonly string[]) {
    super(`The settings do not work:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`, { faults });
  }
}
