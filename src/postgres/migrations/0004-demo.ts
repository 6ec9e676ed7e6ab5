import type { MigrationStep } from './step.js';

/** Where `csv.import` puts what it reads: good rows as JSON by column name, bad ones as they stood, with the reason. */
export const demo: MigrationStep = {
  name: '0004-demo',
  up: `
    CREATE TABLE shiftwork.csv_rows (
      dataset text NOT NULL,
      line integer NOT NULL,
      data jsonb NOT NULL,
      PRIMARY KEY (dataset, line)
    );
    CREATE TABLE shiftwork.csv_rejects (
      dataset text NOT NULL,
      line integer NOT NULL,
      raw text NOT NULL,
      reason text NOT NULL,
      PRIMARY KEY (dataset, line)
    );
  `,
};
