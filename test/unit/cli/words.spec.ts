import { describe, expect, it } from 'vitest';
import { cardOf, tableOf } from '../../../src/cli/table.js';
import { count, duration, since } from '../../../src/cli/words.js';

describe('what the command line says', () => {
  it.each([
    [-5, '0 ms'],
    [850, '850 ms'],
    [12_400, '12 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [349_200_000, '4 d 1 h'],
  ])('%d ms reads as %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('says an age, never a negative one, and nothing for no instant', () => {
    const now = Date.parse('2026-01-01T00:01:00.000Z');
    expect(since('2026-01-01T00:00:18.000Z', now)).toBe('42 s');
    expect(since('2026-01-01T00:02:00.000Z', now)).toBe('0 ms');
    expect(since(null, now)).toBe('');
  });

  it('counts in the singular and the plural', () => {
    expect([count(1, 'task'), count(0, 'task'), count(2, 'process')]).toEqual([
      '1 task',
      '0 tasks',
      '2 processes',
    ]);
  });

  it('aligns a table, shows what is empty as a dash, and lets no line break or escape through', () => {
    const rows = [
      { name: 'default', size: 5 },
      { name: 'a\n\u001b[31mb', size: 1_200 },
      { name: '', size: null },
    ];
    const text = tableOf(
      [
        { heading: 'NAME', of: (row) => row.name },
        { heading: 'SIZE', of: (row) => row.size, align: 'right' },
      ],
      rows,
    );
    expect(text.split('\n')).toEqual(['NAME     SIZE', 'default     5', 'a [31mb  1200', '-           -']);
  });

  it('lists names and values under each other and leaves out what is empty', () => {
    expect(
      cardOf([
        ['id', 'x'],
        ['status', 'FINISHED'],
        ['error', null],
        ['stack', 'a\nb'],
      ]),
    ).toBe('id      x\nstatus  FINISHED\nstack   a\n        b');
  });
});
