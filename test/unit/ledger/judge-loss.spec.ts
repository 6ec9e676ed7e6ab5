import { describe, expect, it } from 'vitest';
import { blameFrom, isSuspect, judge, type Lost } from '../../../src/ledger/judge-loss.js';

const LIMIT = 3;
const crash = { left: false, crashLimit: LIMIT, blameFrom: null };

function lost(id: string, part: Partial<Lost> = {}): Lost {
  return {
    id,
    crashes: 0,
    crashedAt: null,
    checkpointAt: null,
    cancelRequested: false,
    onWorkerLost: 'rerun',
    ...part,
  };
}

function at(second: number): Date {
  return new Date(second * 1_000);
}

describe('the judgement over a dead process', () => {
  it('charges everybody at first, and then only those who were there most often', () => {
    expect(judge([lost('a'), lost('b')], crash).map(({ crashes, outcome }) => [crashes, outcome])).toEqual([
      [1, 'crashed'],
      [1, 'crashed'],
    ]);
    expect(
      judge([lost('a', { crashes: 1 }), lost('b')], crash).map(({ id, crashes, outcome, status }) => [
        id,
        crashes,
        outcome,
        status,
      ]),
    ).toEqual([
      ['a', 2, 'crashed', 'QUEUED'],
      ['b', 0, 'interrupted', 'QUEUED'],
    ]);
  });

  it('fails the task at the limit, and never one that was not to blame', () => {
    const verdicts = judge([lost('poison', { crashes: 2 }), lost('neighbour', { crashes: 1 })], crash);
    expect(verdicts.map(({ id, status, crashes }) => [id, status, crashes])).toEqual([
      ['poison', 'FAILED', 3],
      ['neighbour', 'QUEUED', 1],
    ]);
  });

  it('convicts a poison task among fifty after three deaths, and none of its neighbours', () => {
    // Each process runs up to 50 tasks, but one suspect at most: as the worker does.
    const crashes = new Map(Array.from({ length: 50 }, (_, i) => [`t${String(i)}`, 0]));
    const failed: string[] = [];
    let deaths = 0;
    while (crashes.has('t7') && deaths < 10) {
      const suspects = [...crashes].filter(([, count]) => isSuspect(count, LIMIT)).map(([id]) => id);
      // The worst case: the suspect that happens to run beside all the others is the poison.
      const running = [...crashes]
        .filter(([id, count]) => !isSuspect(count, LIMIT) || (suspects.length > 0 && id === 't7'))
        .map(([id, count]) => lost(id, { crashes: count }));
      deaths++;
      for (const verdict of judge(running, crash)) {
        if (verdict.status === 'FAILED') {
          failed.push(verdict.id);
          crashes.delete(verdict.id);
        } else crashes.set(verdict.id, verdict.crashes);
      }
    }
    expect({ deaths, failed }).toEqual({ deaths: 3, failed: ['t7'] });
  });

  it('clears a task that has saved a checkpoint since its last crash', () => {
    const [verdict] = judge([lost('a', { crashes: 2, crashedAt: at(10), checkpointAt: at(11) })], crash);
    expect(verdict).toMatchObject({ status: 'QUEUED', crashes: 1 });
    expect(judge([lost('a', { crashes: 2, crashedAt: at(10), checkpointAt: at(9) })], crash)[0]?.status).toBe(
      'FAILED',
    );
  });

  it('charges nobody when the process said that it was leaving', () => {
    expect(judge([lost('a', { crashes: 2 })], { ...crash, left: true })[0]).toMatchObject({
      status: 'QUEUED',
      outcome: 'interrupted',
      crashes: 2,
      charged: false,
    });
  });

  it('never runs a task again that promised so, and ends one that was being cancelled', () => {
    expect(judge([lost('a', { onWorkerLost: 'fail' })], { ...crash, left: true })[0]?.status).toBe('FAILED');
    expect(judge([lost('a', { onWorkerLost: 'fail', cancelRequested: true })], crash)[0]?.status).toBe(
      'CANCELLED',
    );
  });

  it('judges the second part of a rescue as it judged the first', () => {
    const guilty = lost('guilty', { crashes: 1 });
    const innocent = lost('innocent');
    const from = blameFrom([guilty, innocent]);
    expect(judge([innocent], { ...crash, blameFrom: from })[0]?.crashes).toBe(0);
  });
});
