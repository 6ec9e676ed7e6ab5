import { describe, expect, it } from 'vitest';
import { prettyLine } from '../../../src/dev/pretty-line.js';

describe('a line of the log, for people', () => {
  it('begins with the time of day, the level, the event and its sentence, then the fields', () => {
    const line = JSON.stringify({
      level: 'info',
      time: '2026-11-21T08:00:00.123Z',
      role: 'worker',
      event: 'task.finished',
      msg: 'a task finished',
      task: 'abc',
      ms: 12,
    });
    expect(prettyLine(line)).toBe('08:00:00.123 info  task.finished a task finished task=abc ms=12');
  });

  it('shows the stack below', () => {
    const line = JSON.stringify({
      level: 'error',
      time: '2026-11-21T08:00:00.123Z',
      context: 'Nest',
      msg: 'oh',
      stack: 'Error: oh\n  at x',
    });
    expect(prettyLine(line)).toBe('08:00:00.123 error Nest oh\nError: oh\n  at x');
  });

  it.each(['Found 0 errors. Watching for file changes.', '{not json', '{"no":"level"}', ''])(
    'leaves %j as it is',
    (line) => {
      expect(prettyLine(line)).toBe(line);
    },
  );
});
