import { describe, expect, it } from 'vitest';
import { checkOptions } from '../../../src/tasks/enqueue-options.js';
import { InvalidOptionsError } from '../../../src/tasks/task-errors.js';

function faultsOf(options: unknown): string[] {
  try {
    checkOptions(options as Parameters<typeof checkOptions>[0]); // as from a caller without types
    return [];
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.issues.map((issue) => issue.path);
    throw error;
  }
}

describe('options that are given in code', () => {
  it.each([
    ['a text as runAt', { runAt: '2027-01-01T00:00:00Z' }],
    ['a number as runAt', { runAt: Date.now() }],
    ['an invalid Date', { runAt: new Date('never') }],
    ['a Date beyond ten years', { runAt: new Date(Date.now() + 5_000 * 86_400_000) }],
  ])('%s is told with its path', (_, options) => {
    expect(faultsOf(options)).toEqual(['options.runAt']);
  });

  it('may be a Date', () => {
    expect(faultsOf({ runAt: new Date() })).toEqual([]);
  });
});
