/** The variables of a process, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process, for the programs' first line: nobody but config reads it. */
export const environment: Environment = process.env;
