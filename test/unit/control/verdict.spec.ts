import { describe, expect, it } from 'vitest';
import type { DrainAck } from '../../../src/control/drain-channel.js';
import { isSafe, lookAt, type Roll, withStarted } from '../../../src/control/verdict.js';

const wish = { roles: ['clock', 'worker'], release: 'r1' } as const;
const worker = { id: 'p1', roles: ['worker'], release: 'r1', host: 'h', running: [] } as const;
const task = { task: 't1', job: 'j', queue: 'q', since: '2026-01-01T00:00:00.000Z' };
const at = '2026-01-01T00:00:05.000Z';

function answers(...given: Partial<DrainAck>[]): Map<string, DrainAck> {
  return new Map(
    given.map((each) => [each.process ?? 'p1', { process: 'p1', at, busy: [], pending: 0, ...each }]),
  );
}

function roll(live: Roll['live'], silent: Roll['silent'] = []): Roll {
  return { live, silent };
}

describe('a look at the fleet', () => {
  it('is safe when every asked process has answered this wish with nothing left to do', () => {
    const look = lookAt(wish, roll([worker]), answers({}));
    expect(look).toEqual({ drained: ['p1'], busy: [], silent: [], notAsked: [] });
    expect(isSafe(look)).toBe(true);
  });

  it('names who is busy with which task since when, with the host', () => {
    const look = lookAt(wish, roll([worker]), answers({ busy: [task] }));
    expect(look.busy).toEqual([{ process: 'p1', host: 'h', ...task }]);
    expect(isSafe(look)).toBe(false);
  });

  it('is not safe while an outcome is unrecorded or an entry is fetched ahead', () => {
    const look = lookAt(wish, roll([worker]), answers({ pending: 3 }));
    expect(look.busy).toEqual([{ process: 'p1', host: 'h', task: null, job: null, queue: null, since: at }]);
  });

  it('names as silent who has not answered this wish, and who is registered but does not beat', () => {
    const cutOff = { id: 'p2', roles: ['worker'], release: 'r1', host: 'h' } as const;
    const look = lookAt(wish, roll([worker], [cutOff]), answers());
    expect(look.silent).toEqual(['p2', 'p1']);
    expect(isSafe(look)).toBe(false);
  });

  it('goes by the heartbeat for a process that has not answered yet and runs something', () => {
    const look = lookAt(wish, roll([{ ...worker, running: [task] }]), answers());
    expect(look.busy).toEqual([{ process: 'p1', host: 'h', ...task }]);
    expect(look.silent).toEqual([]);
  });

  it('does not ask other roles, and says who was passed over because of the release', () => {
    const web = { ...worker, id: 'web', roles: ['web'] } as const;
    const next = { ...worker, id: 'next', release: 'r2' } as const;
    const look = lookAt(wish, roll([web, next]), answers());
    expect(look).toEqual({ drained: [], busy: [], silent: [], notAsked: ['next'] });
    expect(isSafe(look)).toBe(true);
  });

  it('forgets the answers of those who are not on the roll any more', () => {
    expect(isSafe(lookAt(wish, roll([]), answers({ process: 'dead', busy: [task] })))).toBe(true);
  });

  it('lets the ledger have the last word', () => {
    const fleet = roll([worker]);
    const look = withStarted(lookAt(wish, fleet, answers({})), [{ ...task, worker: 'p1' }], fleet);
    expect(look).toEqual({
      drained: [],
      busy: [{ process: 'p1', host: 'h', ...task }],
      silent: [],
      notAsked: [],
    });
  });
});
