import type { Logger } from '@nestjs/common';
import type { Level } from './event.js';
import type { Sink } from './telemetry.js';

/** Writes each event through a logger of Nest's with a context of its own, so that a host app keeps its own log. */
export function logSink(logger: Logger): Sink {
  return (event) => {
    const line = { event: event.name, message: event.sentence, ...event.fields };
    WRITERS[event.level](logger, line);
  };
}

const WRITERS: Record<Level, (logger: Logger, line: object) => void> = {
  debug: (logger, line) => {
    logger.debug(line);
  },
  info: (logger, line) => {
    logger.log(line);
  },
  warn: (logger, line) => {
    logger.warn(line);
  },
  error: (logger, line) => {
    logger.error(line);
  },
};
