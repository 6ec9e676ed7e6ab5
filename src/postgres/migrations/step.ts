/**
 * One forward step of the schema. Written against the schema name `shiftwork.`, which is rewritten to the app's own.
 * Expand, then contract: a step must leave the code of the release before it working, because both run side by side
 * during a deploy; what the old release still reads is dropped one release later.
 */
export interface MigrationStep {
  /** `NNNN-name`; the number gives the order and is never used twice. */
  readonly name: string;
  readonly up: string;
}
