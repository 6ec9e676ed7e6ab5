import { DefinitionError, MOST_FAULTS, RequestError } from '../foundation/index.js';

/** One thing that is wrong with a payload. `path` is dotted from the request body: `payload.widths.0`. */
export interface PayloadIssue {
  readonly path: string;
  readonly message: string;
}

/** No job of this name is known to this process. */
export class UnknownJobError extends RequestError {
  readonly code = 'unknown-job';
  constructor(
    readonly job: string,
    known: readonly string[],
  ) {
    super(`There is no job "${job}". Known jobs: ${known.length === 0 ? 'none' : known.join(', ')}.`, {
      job,
    });
  }
}

/** The payload does not fit the job. Nothing was accepted; `issues` names every fault with its path, up to `MOST_FAULTS`. */
export class InvalidPayloadError extends RequestError {
  readonly code = 'invalid';
  readonly issues: readonly PayloadIssue[];

  constructor(issues: readonly PayloadIssue[]) {
    const told = issues.slice(0, MOST_FAULTS);
    super(told.map(({ path, message }) => `${path}: ${message}`).join('; '), { errors: told });
    this.issues = told;
  }
}

/** The row that an `entityRef` in the payload names is not there (any more). An ordinary error: the attempt failed. */
export class EntityGoneError extends RequestError {
  readonly code = 'entity-gone';
  constructor(
    readonly entity: string,
    readonly id: unknown,
  ) {
    super(`There is no ${entity} with the id ${JSON.stringify(id)}.`, { entity, id });
  }
}

/** Two classes, or two providers of one class, claim the same job name. */
export class DuplicateJobError extends DefinitionError {}

/** A job does not say what its payload is. */
export class MissingPayloadError extends DefinitionError {}
