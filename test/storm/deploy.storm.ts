import { describe, expect, it } from 'vitest';
import { stormOver } from '../support/deploy-storm.js';

describe('deploy storm', () => {
  it('2,000 tasks of up to 20 s; web, clock and workers replaced in turn, one worker in four by KILL', async () => {
    // Some 125 at a time on 240 slots: a fleet with room, so that what a handover takes is seen and not the queue before it.
    const report = await stormOver('default:60', {
      tasks: 1_000,
      arrivalMs: 160_000,
      mostSteps: 40,
      stepMs: 500,
      checkpoints: 'half',
      workers: 4,
      replacements: 8,
      lifeMs: 25_000,
      killEvery: 4,
      replacesAll: true,
    });
    expect(report).toMatchObject({
      statuses: { FINISHED: 2_000 },
      attemptsCharged: 0,
      transactional: { twice: 0, found: report.transactional.expected },
      plain: { missing: 0, twiceWithoutCrash: 0 },
    });
  });
});
