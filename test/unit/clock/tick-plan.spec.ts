import { describe, expect, it } from 'vitest';
import { planDeclarations } from '../../../src/clock/declaration-plan.js';
import { declarationText } from '../../../src/clock/schedule-rule.js';
import { planTicks, withoutOverlap } from '../../../src/clock/tick-plan.js';
import type { ScheduleDefinition, ScheduleRow } from '../../../src/ledger/index.js';

const definition: ScheduleDefinition = {
  name: 's',
  kind: 'task',
  job: 'j',
  payload: {},
  options: {},
  cron: '0 * * * *',
  everyMs: null,
  at: null,
  timeZone: 'UTC',
  misfire: 'all',
  misfireLimit: 100,
  misfireGraceMs: 86_400_000,
  overlap: 'allow',
  enabled: true,
};

function rowOf(part: Partial<ScheduleRow> = {}): ScheduleRow {
  const base = { ...definition, ...part };
  return {
    ...base,
    source: 'code',
    disabledBy: null,
    disabledAt: null,
    declaration: declarationText(definition),
    deletedAt: null,
    version: '1',
    anchorAt: new Date('2026-11-25T00:00:00Z'),
    lastDueAt: new Date('2026-11-25T08:00:00Z'),
    ...part,
  };
}

const at = (text: string): number => Date.parse(text);

describe('a plan of ticks', () => {
  const presence = {
    nowMs: at('2026-11-25T12:00:01Z'),
    actingSinceMs: at('2026-11-25T11:59:00Z'),
    drainedSinceMs: null,
  };

  it('holds everything since the last recorded tick, and the moment after it', () => {
    const plan = planTicks(rowOf(), presence);
    expect(plan?.decisions.map((decision) => new Date(decision.dueMs).getUTCHours())).toEqual([
      9, 10, 11, 12,
    ]);
    expect(plan?.dueAt).toEqual(new Date('2026-11-25T12:00:00Z'));
    expect(plan?.nextMs).toBe(at('2026-11-25T13:00:00Z'));
  });

  it('begins where the rule begins, when that is later', () => {
    expect(
      planTicks(rowOf({ anchorAt: new Date('2026-11-25T11:30:00Z') }), presence)?.decisions,
    ).toHaveLength(1);
    expect(planTicks(rowOf({ anchorAt: new Date('2026-11-25T12:00:00Z') }), presence)).toBeNull();
  });

  it('lets one of them through when only one task may be under way, and none when one is', () => {
    const plan = planTicks(rowOf({ overlap: 'skip' }), presence);
    if (plan === null) throw new Error('there is a plan');
    const verdicts = (isBusy: boolean): string[] =>
      withoutOverlap(plan, isBusy).decisions.map((each) => `${each.verdict} ${String(each.reason)}`);
    expect(verdicts(false)).toEqual([
      'fire misfire',
      'skipped overlap',
      'skipped overlap',
      'skipped overlap',
    ]);
    expect(new Set(verdicts(true))).toEqual(new Set(['skipped overlap']));
  });
});

describe('declarations against rows', () => {
  const changed: ScheduleDefinition = { ...definition, cron: '30 * * * *' };

  it.each<[string, readonly ScheduleDefinition[], readonly ScheduleRow[], readonly object[]]>([
    ['a new one is written', [definition], [], [{ kind: 'put', change: 'created' }]],
    ['the same one is left alone', [definition], [rowOf()], []],
    ['the same one stays paused', [definition], [rowOf({ enabled: false, disabledBy: 'person' })], []],
    [
      'a changed one changes its row',
      [changed],
      [rowOf()],
      [{ kind: 'put', change: 'changed', definition: { cron: '30 * * * *', enabled: true } }],
    ],
    [
      'a changed one stays paused',
      [changed],
      [rowOf({ enabled: false, disabledBy: 'person' })],
      [{ kind: 'put', definition: { enabled: false } }],
    ],
    [
      'one that says enabled anew is heard',
      [{ ...definition, enabled: false }],
      [rowOf()],
      [{ kind: 'put', definition: { enabled: false } }],
    ],
    ['one that REST has put is left to REST', [changed], [rowOf({ source: 'api' })], [{ kind: 'ignore' }]],
    ['one that is gone is disabled', [], [rowOf()], [{ kind: 'disable' }]],
    [
      'one that is gone from the code and was put by REST goes on',
      [],
      [rowOf({ source: 'api' })],
      [{ kind: 'forget' }],
    ],
    [
      'one that comes back is enabled',
      [definition],
      [rowOf({ enabled: false, disabledBy: 'code', declaration: null })],
      [{ kind: 'put', change: 'enabled' }],
    ],
    ['a deleted one stays deleted', [definition], [rowOf({ enabled: false, deletedAt: new Date() })], []],
    [
      'a deleted one comes back when the code changes',
      [changed],
      [rowOf({ enabled: false, deletedAt: new Date() })],
      [{ kind: 'put', change: 'created' }],
    ],
    ['one that only REST knows is none of ours', [], [rowOf({ source: 'api', declaration: null })], []],
  ])('%s', (_what, declared, rows, steps) => {
    expect(planDeclarations(declared, rows)).toMatchObject(steps);
    expect(planDeclarations(declared, rows)).toHaveLength(steps.length);
  });
});
