import 'reflect-metadata';
import type { FailureLink } from './failure-handler.js';

export const FAILURE_HANDLER = Symbol('shiftwork:failure-handler');

export interface FailureHandlerOptions {
  /** Handlers run from the smallest order to the largest; those of the same order by class name. 0 by default. */
  readonly order?: number;
  /** Names of the jobs whose failures it wants to see; every job's by default. The others then cost nothing. */
  readonly jobs?: readonly string[];
}

/**
 * Makes a class a link in the chain that runs after a task has failed for good. List it among the `providers` of a
 * module; dependencies are injected as usual (singletons only).
 */
export function FailureHandler(options: FailureHandlerOptions = {}) {
  return (target: abstract new (...args: never[]) => FailureLink): void => {
    Reflect.defineMetadata(FAILURE_HANDLER, options, target);
  };
}
