import { afterEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../support/wait.js';
import { World } from '../../support/world.js';

const KILLS = 20;
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
      for (let chunk = 0; chunk < 10; chunk++)
        accepted += (
          await world.bulk(
            'test.noop',
            Array.from({ length: 1_000 }, () => ({})),
          )
        ).length;
      const at = Date.now() + Math.random() * 1_500;
      await waitFor('the moment', () => Date.now() >= at, { everyMs: 5 });
      await fleet.shift()?.kill();
      fleet.push(await world.role('worker'));
    }
    const statuses = await world.allEnded(600_000);
    const [again] = await world.rows<{ tasks: number; most: number; crashes: number }>(
      `SELECT count(*)::int AS tasks, max(execution)::int AS most, sum(crashes)::int AS crashes FROM app.task_now WHERE execution > 1`,
    );
    process.stdout.write(`${JSON.stringify({ accepted, statuses, startedAgain: again })}\n`);
    expect(statuses).toEqual({ FINISHED: accepted });
    expect(again?.tasks).toBeLessThanOrEqual(KILLS * AGAIN_PER_DEATH);
  });
});
