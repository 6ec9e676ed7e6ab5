import type { Environment } from './load-settings.js';

/** The environment of this process, for the programs' first line: nobody but config reads it. */
export const environment: Environment = process.env;
