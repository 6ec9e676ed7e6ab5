import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { expect, it, onTestFinished } from 'vitest';
import { logSink, PinoLogger, Telemetry } from '../../../src/telemetry/index.js';

/** The lines that somebody's own class writes through Nest's `Logger` into a file that stands for stdout. */
function linesOf(say: (logger: Logger) => void, context = 'Shop'): Record<string, unknown>[] {
  const dir = mkdtempSync(join(tmpdir(), 'shiftwork-log-'));
  const fd = openSync(join(dir, 'log'), 'w');
  onTestFinished(() => {
    Logger.overrideLogger(false);
    closeSync(fd);
    rmSync(dir, { recursive: true });
  });
  const pino = new PinoLogger({ level: 'debug', base: {}, fd: fd as 1 });
  Logger.overrideLogger(pino);
  say(new Logger(context));
  pino.flush();
  const text = readFileSync(join(dir, 'log'), 'utf8').trimEnd();
  return text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('writes one line for whatever is logged, and loses nothing of it', () => {
  const order: Record<string, unknown> = { id: 7n, lines: ['a\nb'] };
  order['self'] = order;
  const lines = linesOf((logger) => {
    logger.log('two\nlines');
    logger.log(order);
    logger.log(Object.create(null));
    logger.warn('shipping is slow', { order: 17 });
    logger.error('could not ship', new RangeError('no such street'));
    logger.error('could not ship', 'Error: as a stack');
    logger.error('alone');
  });
  expect(lines.map(({ msg }) => msg)).toEqual([
    'two\nlines',
    expect.stringMatching(/id: 7n.*'a\\nb'.*Circular/),
    expect.any(String),
    'shipping is slow { order: 17 }',
    expect.stringMatching(/^could not ship RangeError: no such street\n +at /),
    'could not ship',
    'alone',
  ]);
  expect(lines[5]?.['stack']).toBe('Error: as a stack');
  expect(lines.every(({ context }) => context === 'Shop')).toBe(true);
});

it('an event in the log of a host app is one message under one context', () => {
  const lines = linesOf((logger) => {
    const telemetry = new Telemetry();
    telemetry.addSink(logSink(logger));
    telemetry.emit('process.warned', { warning: 'ADMINS is not set' });
    telemetry.emit('process.bootFailed', { error: 'no database', stack: '' });
  }, 'Shiftwork');
  expect(lines).toMatchObject([
    {
      level: 'warn',
      context: 'Shiftwork',
      msg: expect.stringMatching(/^{ event: 'process.warned'.*}$/) as unknown,
    },
    {
      level: 'error',
      context: 'Shiftwork',
      msg: expect.stringMatching(/^{ event: 'process.bootFailed'.*}$/) as unknown,
    },
  ]);
  expect(lines.every((line) => !('stack' in line))).toBe(true);
});
