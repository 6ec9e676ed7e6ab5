import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployStorm } from '../support/deploy-storm.js';
import { World } from '../support/world.js';

const world = new World({ QUEUES: 'default:8', SHUTDOWN_GRACE: '8', CRASH_LIMIT: '100', LOG_LEVEL: 'info' });
beforeAll(async () => {
  await world.web();
  await world.createEffects();
});
afterAll(async () => {
  await world.end();
});

describe('a deploy storm, bounded (the long form is npm run storm)', () => {
  it('finishes every task, each transactional effect once, and charges no attempt for an interruption', async () => {
    const report = await deployStorm(world, {
      tasks: 60,
      mostSteps: 10,
      stepMs: 200,
      checkpoints: 'half',
      workers: 2,
      replacements: 4,
      lifeMs: 4_000,
      killEvery: 4,
    });
    expect(report).toMatchObject({
      statuses: { FINISHED: 120 },
      attemptsCharged: 0,
      transactional: { found: report.transactional.expected, twice: 0 },
      plain: { missing: 0, twiceWithoutCrash: 0 },
      exits: [0, 0, 0, null],
    });
  });
});
