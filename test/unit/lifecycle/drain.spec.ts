import { describe, expect, it } from 'vitest';
import { Deadline, deferred } from '../../../src/foundation/index.js';
import { Drain, Drainables } from '../../../src/lifecycle/index.js';
import { Telemetry } from '../../../src/telemetry/index.js';
import { PlainRoom } from './room.js';

function setup() {
  const diary: string[] = [];
  const rooms = new Drainables();
  const drain = new Drain(rooms, new Telemetry());
  const states: string[] = [];
  drain.onStateChange((state) => states.push(state));
  const room = (name: string, role: 'web' | 'worker' | 'clock' | null, order: number): PlainRoom => {
    const made = new PlainRoom(name, role, order, diary);
    rooms.signIn(made);
    return made;
  };
  return { diary, rooms, drain, states, room };
}

describe('Drain', () => {
  it('quiets the rooms of the asked roles only, smallest order first', async () => {
    const { diary, drain, room } = setup();
    room('worker', 'worker', 40);
    room('ledger', null, 90);
    room('clock', 'clock', 20);
    const http = room('http', 'web', 10);
    await drain.quiet(['clock', 'worker'], 'a wish');
    expect(diary).toEqual(['quiet clock', 'quiet worker']);
    expect(http.isQuiet).toBe(false);
    expect(drain.state).toBe('draining');
    await drain.resume('the wish ended');
    expect(diary.slice(2)).toEqual(['resume clock', 'resume worker']);
    expect(drain.state).toBe('running');
  });

  it('stays running in a process that has no room of the asked roles', async () => {
    const { drain, states, room } = setup();
    room('http', 'web', 10);
    await drain.quiet(['clock', 'worker'], 'a wish');
    expect(drain.state).toBe('running');
    expect(states).toEqual([]);
  });

  it('quiets a room that signs in while the process drains', async () => {
    const { drain, room } = setup();
    room('clock', 'clock', 20);
    await drain.quiet(['clock', 'worker'], 'a wish');
    const late = room('worker', 'worker', 40);
    await drain.quiet(['clock', 'worker'], 'a wish'); // orders are carried out one after the other
    expect(late.isQuiet).toBe(true);
  });

  it('gives back to work what a narrower wish does not ask for', async () => {
    const { drain, room } = setup();
    const clock = room('clock', 'clock', 20);
    const worker = room('worker', 'worker', 40);
    await drain.quiet('all', 'a wish');
    await drain.quiet(['clock'], 'another');
    expect([clock.isQuiet, worker.isQuiet]).toEqual([true, false]);
  });

  it('never works again after a shutdown has begun, whatever a late resume says', async () => {
    const { drain, states, room } = setup();
    const worker = room('worker', 'worker', 40);
    await drain.quiet(['worker'], 'a wish');
    const retired = drain.retire('SIGTERM');
    expect(drain.state).toBe('quiet'); // at once: readiness must fail before the first room has been asked
    await drain.resume('the wish ended');
    await retired;
    expect(worker.isQuiet).toBe(true);
    expect(states).toEqual(['draining', 'quiet']);
  });

  it('asks the next room although one fails or hangs', async () => {
    const { drain, room } = setup();
    const stuck = room('clock', 'clock', 20);
    stuck.onQuiet = () => deferred().promise;
    const broken = room('relay', null, 30);
    broken.onQuiet = () => {
      throw new Error('no');
    };
    const worker = room('worker', 'worker', 40);
    await drain.quiet('all', 'a wish');
    expect(worker.isQuiet).toBe(true);
  });

  it('is idle only when nothing runs and nothing is unrecorded, and names what still runs at the deadline', async () => {
    const { drain, room } = setup();
    const worker = room('worker', 'worker', 40);
    worker.start('t1');
    expect((await drain.untilIdle(Deadline.after(20))).map(({ task }) => task)).toEqual(['t1']);
    worker.unrecorded = 1;
    const idle = drain.untilIdle(Deadline.after(30_000));
    worker.end('t1');
    worker.unrecorded = 0;
    worker.end('t1');
    expect(await idle).toEqual([]);
    expect(drain.isIdle()).toBe(true);
  });
});
