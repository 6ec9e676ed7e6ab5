import { describe, expect, it } from 'vitest';
import { deferred } from '../../../src/foundation/index.js';
import { Drain, Drainables, Shutdown } from '../../../src/lifecycle/index.js';
import { Telemetry } from '../../../src/telemetry/index.js';
import { PlainRoom } from './room.js';

function setup({ graceMs = 30_000, marginMs = 6_000 } = {}) {
  const diary: string[] = [];
  const telemetry = new Telemetry();
  const failedSteps: unknown[] = [];
  telemetry.addSink(({ name, fields }) => {
    if (name === 'process.stopFailed') failedSteps.push(fields['step']);
  });
  const rooms = new Drainables();
  const drain = new Drain(rooms, telemetry);
  const shutdown = new Shutdown(
    drain,
    rooms,
    { shutdownGraceMs: graceMs, handoverMarginMs: marginMs },
    telemetry,
  );
  const room = (name: string, order: number): PlainRoom => {
    const made = new PlainRoom(name, null, order, diary);
    rooms.signIn(made);
    return made;
  };
  const close = async (): Promise<void> => {
    diary.push('close');
  };
  return { diary, drain, shutdown, room, close, failedSteps };
}

describe('Shutdown', () => {
  it('closes nothing before everything has gone quiet, ended and been written down', async () => {
    const { diary, shutdown, room, close } = setup();
    room('ledger', 90);
    const worker = room('worker', 40);
    room('http', 10);
    worker.start('t1');
    const done = shutdown.run(close, 'SIGTERM');
    setImmediate(() => {
      diary.push('t1 ends');
      worker.end('t1');
    });
    expect(await done).toBe(0);
    expect(diary).toEqual([
      'quiet http',
      'quiet worker',
      'quiet ledger',
      't1 ends',
      'flush http',
      'flush worker',
      'flush ledger',
      'close',
    ]);
  });

  it('interrupts what still runs when the margin begins', async () => {
    const { diary, shutdown, room, close } = setup({ graceMs: 400, marginMs: 300 });
    const worker = room('worker', 40);
    worker.start('deaf');
    worker.onInterrupt = () => {
      worker.end('deaf');
    };
    expect(await shutdown.run(close, 'SIGTERM')).toBe(0);
    expect(diary).toEqual(['quiet worker', 'interrupt worker', 'flush worker', 'close']);
  });

  it('answers 1 when something could not be written, and still closes', async () => {
    const { diary, shutdown, room, close, failedSteps } = setup();
    room('ledger', 90).onFlush = () => {
      throw new Error('PostgreSQL is away');
    };
    expect(await shutdown.run(close, 'SIGTERM')).toBe(1);
    expect(diary.at(-1)).toBe('close');
    expect(failedSteps).toEqual(['flush ledger']);
  });

  it('ends within the grace although every step hangs', async () => {
    const { shutdown, room, failedSteps } = setup({ graceMs: 500, marginMs: 300 });
    const never = (): Promise<void> => deferred().promise;
    const worker = room('worker', 40);
    worker.onInterrupt = never;
    worker.onFlush = never;
    worker.onQuiet = never;
    worker.start('t1');
    expect(await shutdown.run(never, 'SIGTERM')).toBe(1);
    expect(failedSteps).toEqual(['quiet', 'interrupt worker', 'flush worker', 'close']);
  });

  it('runs once, however often it is asked', async () => {
    const { diary, shutdown, close } = setup();
    const [first, second] = [shutdown.run(close, 'SIGTERM'), shutdown.run(close, 'SIGINT')];
    expect(second).toBe(first);
    await first;
    expect(diary).toEqual(['close']);
  });
});
