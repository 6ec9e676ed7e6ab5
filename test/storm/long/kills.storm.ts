import { afterEach, describe, expect, it } from 'vitest';
import { World } from '../../support/world.js';

const KILLS = 20;
const CHUNKS = 10;
const SLOTS = 50;
/** Ended and not recorded (MAX_UNRECORDED), running, and started ahead of a slot: what one death can make run, or start, again. */
const AGAIN_PER_DEATH = 200 + SLOTS + 200;

let world: World;
afterEach(async () => {
  await world.end();
});

describe('kill -9 at random moments while short tasks are worked off', () => {
  it('twenty times: no task is lost, none is without its outcome, no innocent is FAILED', async () => {
    world = new World({ QUEUES: `default:${String(SLOTS)}`, LOG_LEVEL: 'info' });
    await world.web();
    const fleet = await Promise.all([world.role('worker'), world.role('worker')]);
    let accepted = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      // In the midst of it: a fast machine has worked off a chunk a moment after it was accepted.
      const fatal = Math.floor(Math.random() * CHUNKS);
      for (let chunk = 0; chunk < CHUNKS; chunk++) {
        const accepting = world.bulk(
          'test.noop',
          Array.from({ length: 1_000 }, () => ({})),
        );
        if (chunk === fatal) await Promise.all([accepting, fleet.shift()?.kill()]);
        accepted += (await accepting).length;
      }
      fleet.push(await world.role('worker'));
    }
    const statuses = await world.allEnded(600_000);
    const [again] = await world.rows<{ tasks: number; most: number; crashes: number }>(
      `SELECT count(*)::int AS tasks, max(execution)::int AS most, sum(crashes)::int AS crashes FROM app.task_now WHERE execution > 1`,
    );
    process.stdout.write(`${JSON.stringify({ accepted, statuses, startedAgain: again })}\n`);
    expect(statuses).toEqual({ FINISHED: accepted });
    expect(again?.tasks).toBeGreaterThan(0); // else the kills met idle workers
    expect(again?.tasks).toBeLessThanOrEqual(KILLS * AGAIN_PER_DEATH);
  });
});
