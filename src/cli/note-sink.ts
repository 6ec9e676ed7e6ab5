import type { Settings } from '../config/index.js';
import type { Level, Sink } from '../telemetry/index.js';
import type { Output } from './output.js';

const RANK: Readonly<Record<Level | 'silent', number>> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

/**
 * What the rooms have to say, on stderr, for a person who waits for an answer: only warnings and errors, unless LOG_LEVEL
 * asks for all of it with `debug`, or for less.
 */
export function noteSink(output: Output, logLevel: Settings['logLevel']): Sink {
  const least = logLevel === 'info' ? RANK.warn : RANK[logLevel];
  return ({ name, level, sentence, fields }) => {
    if (RANK[level] >= least) output.note(`${level}: ${sentence} (${name} ${JSON.stringify(fields)})`);
  };
}
