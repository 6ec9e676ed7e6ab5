import 'reflect-metadata';
import type { Job } from './job.js';
import type { JobOptions } from './job-options.js';
import type { PayloadDeclaration, PayloadFrom } from './payload-schema.js';

export const JOB_HANDLER = Symbol('shiftwork:job-handler');

/**
 * Makes a class the handler of a job. List the class among the `providers` of a module; dependencies are injected as usual
 * (singletons only). Everything else, such as a name that is taken, is checked when the app boots.
 */
export function JobHandler<const D extends PayloadDeclaration>(options: JobOptions<D>) {
  return (target: abstract new (...args: never[]) => Job<PayloadFrom<D>, unknown, never>): void => {
    Reflect.defineMetadata(JOB_HANDLER, options, target);
  };
}
