import { describe, expect, it } from 'vitest';
import { stormOver } from '../../support/deploy-storm.js';

describe('the hard set: 60 tasks of 20 s, workers that live 20 s, grace 5 s, 12 replacements', () => {
  it('finishes all, half of them with a checkpoint each second, and charges nobody', async () => {
    const report = await stormOver('default:20', {
      tasks: 30,
      isEven: true,
      mostSteps: 20,
      stepMs: 1_000,
      checkpoints: 'none',
      workers: 2,
      replacements: 12,
      lifeMs: 20_000,
      agedMs: 10_000,
      killEvery: 100,
    });
    expect(report).toMatchObject({
      statuses: { FINISHED: 60 },
      attemptsCharged: 0,
      transactional: { twice: 0, found: report.transactional.expected },
      plain: { missing: 0 },
    });
    expect(report.interruptions).toBeGreaterThan(0);
    expect(report.redone.withCheckpoints).toBeLessThan(0.1);
  });
});
