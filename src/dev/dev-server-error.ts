import { ShiftworkError } from '../foundation/index.js';

/** A development server could not be found, started or stopped. The message says what to do about it. */
export class DevServerError extends ShiftworkError {
  readonly code = 'dev-server';
}
