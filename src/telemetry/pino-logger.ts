import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import { GatheredLines } from './gathered-lines.js';
import type { EventName } from './events.js';
import type { Sink } from './telemetry.js';

export interface PinoOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Fields of every line: role, process, release. */
  readonly base: Readonly<Record<string, unknown>>;
  /** 1 for stdout (the app), 2 for stderr (the CLI, whose stdout is its answer). */
  readonly fd: 1 | 2;
}

/** What Nest says of itself while it boots: a hundred lines that nobody reads. */
const BOOT_CHATTER = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/**
 * The logger of the ready-made app: one JSON line each on the given descriptor, `{level, time, role, process, release,
 * event?, msg, …}`. Lines of one turn of the event loop are written together. Call `flush` before the process ends.
 */
export class PinoLogger implements LoggerService {
  private readonly pino: Logger;
  private readonly lines: GatheredLines;
  private readonly byEvent = new Map<EventName, Logger>();

  constructor(options: PinoOptions) {
    this.lines = new GatheredLines(options.fd);
    this.pino = pino(
      {
        level: options.level,
        base: options.base,
        timestamp: timeField,
        formatters: { level: (label) => ({ level: label }) },
      },
      this.lines,
    );
  }

  /** Writes each event as a line of its own. */
  readonly sink: Sink = ({ name, level, sentence, fields }) => {
    this.loggerOf(name)[level](fields, sentence);
  };

  log(message: unknown, ...rest: unknown[]): void {
    this.write(BOOT_CHATTER.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  // pino writes the name of the event once, when its logger is made.
  private loggerOf(event: EventName): Logger {
    let logger = this.byEvent.get(event);
    if (logger === undefined) {
      logger = this.pino.child({ event });
      this.byEvent.set(event, logger);
    }
    return logger;
  }

  /** Writes out what this turn has gathered. */
  flush(): void {
    this.lines.flush();
  }

  // Nest calls with (message, ...optional, context).
  private write(
    level: 'debug' | 'info' | 'warn' | 'error',
    message: unknown,
    rest: readonly unknown[],
  ): void {
    const context = typeof rest.at(-1) === 'string' ? rest.at(-1) : undefined;
    const more = context === undefined ? rest : rest.slice(0, -1);
    const hasStack = level === 'error' && typeof more[0] === 'string';
    const said = more.slice(hasStack ? 1 : 0).filter((each) => each !== undefined);
    this.pino[level](
      { context, ...(hasStack ? { stack: more[0] } : {}) },
      [message, ...said].map(textOf).join(' '),
    );
  }
}

function textOf(said: unknown): string {
  if (typeof said === 'string') return said;
  if (said instanceof Error) return said.stack ?? said.message;
  return inspect(said, { depth: 4, breakLength: Infinity });
}

let lastMs = 0;
let lastField = '';

// Hundreds of lines share a millisecond.
function timeField(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastField = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastField;
}
