import type { LoggerService } from '@nestjs/common';
import type { Level } from './event.js';
import type { Sink } from './telemetry.js';

/** Writes each event through Nest's logger, so that a host app keeps its own log. */
export function logSink(logger: LoggerService): Sink {
  return (event) => {
    const line = { event: event.name, message: event.sentence, ...event.fields };
    WRITERS[event.level](logger, line);
  };
}

const WRITERS: Record<Level, (logger: LoggerService, line: object) => void> = {
  debug: (logger, line) => {
    logger.debug?.(line, 'Shiftwork');
  },
  info: (logger, line) => {
    logger.log(line, 'Shiftwork');
  },
  warn: (logger, line) => {
    logger.warn(line, 'Shiftwork');
  },
  error: (logger, line) => {
    logger.error(line, 'Shiftwork');
  },
};
