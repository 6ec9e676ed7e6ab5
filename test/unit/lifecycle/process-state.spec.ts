import { expect, it } from 'vitest';
import { mayMove, type ProcessState } from '../../../src/lifecycle/index.js';

it('lets a process drain and work again, and never come back from its way out', () => {
  const states: ProcessState[] = ['running', 'draining', 'quiet'];
  const moves = states.flatMap((from) =>
    states.filter((to) => mayMove(from, to)).map((to) => `${from} → ${to}`),
  );
  expect(moves).toEqual(['running → draining', 'running → quiet', 'draining → running', 'draining → quiet']);
});
