import { describe, expect, it } from 'vitest';
import { deferred, type Deferred, WakeableLoop } from '../../../src/foundation/index.js';
import { waitFor, within } from '../../support/wait.js';

/** A loop whose every run waits until the test lets it end, and then sleeps until it is nudged. */
function heldLoop() {
  const runs: Deferred<void>[] = [];
  const loop = new WakeableLoop(
    async () => {
      const run = deferred();
      runs.push(run);
      await run.promise;
      return Infinity;
    },
    () => undefined,
  );
  return { loop, runs };
}

describe('a background loop', () => {
  it('that is started while it is being stopped goes on when the work in flight has ended', async () => {
    const { loop, runs } = heldLoop();
    loop.start();
    const stopped = loop.stop();
    loop.start();
    expect(runs.length).toBe(1); // never twice at once
    runs[0]?.resolve();
    await within('the end of the first', stopped);
    await waitFor('the second', () => runs.length === 2);
    runs[1]?.resolve();
    await within('the end', loop.stop());
    expect(runs.length).toBe(2);
  });

  it('that is stopped, started and stopped again stays stopped', async () => {
    const { loop, runs } = heldLoop();
    loop.start();
    const first = loop.stop();
    loop.start();
    const second = loop.stop();
    runs[0]?.resolve();
    await within('both ends', Promise.all([first, second]));
    loop.nudge();
    expect(runs.length).toBe(1);
    loop.start();
    await waitFor('a new beginning', () => runs.length === 2);
    runs[1]?.resolve();
    await loop.stop();
  });

  it('runs once more for a nudge that comes while it works', async () => {
    const { loop, runs } = heldLoop();
    loop.start();
    loop.nudge();
    runs[0]?.resolve();
    await waitFor('the second run', () => runs.length === 2);
    runs[1]?.resolve();
    await loop.stop();
    expect(runs.length).toBe(2);
  });
});
