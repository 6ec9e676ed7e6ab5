import { RequestError } from '../foundation/index.js';

/** One thing that is wrong with a schedule. `path` is dotted from the body of the PUT: `cron`, `payload.widths.0`. */
export interface ScheduleIssue {
  readonly path: string;
  readonly message: string;
}

/** The schedule cannot be what its author meant. Nothing was changed; `issues` names every fault with its path. */
export class InvalidScheduleError extends RequestError {
  readonly code = 'invalid';
  constructor(readonly issues: readonly ScheduleIssue[]) {
    super(issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '), {
      errors: issues,
    });
  }
}

/** No schedule has this name. */
export class ScheduleNotFoundError extends RequestError {
  readonly code = 'not-found';
  constructor(name: string) {
    super(`There is no schedule "${name}".`, { name });
  }
}
