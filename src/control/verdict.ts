import type { Role } from '../config/index.js';
import type { BusyWith } from '../lifecycle/index.js';
import type { DrainAck } from './drain-channel.js';
import { hasRole, isAsked } from './drain-wish.js';

/** A task that keeps a process busy; task, job and queue are null for outcomes that are only not committed yet. */
export interface BusyProcess {
  readonly process: string;
  readonly host: string;
  readonly task: string | null;
  readonly job: string | null;
  readonly queue: string | null;
  /** ISO instant. */
  readonly since: string;
}

/** What the fleet looks like from the asking side, at one moment. All lists hold process ids, unless they say otherwise. */
export interface FleetLook {
  /** Asked, quiet, and with nothing left to do. */
  readonly drained: readonly string[];
  readonly busy: readonly BusyProcess[];
  /** Asked and not heard of: no beat, or no answer to this wish. Nobody knows what they do. */
  readonly silent: readonly string[];
  /** Of an asked role, but of another release. */
  readonly notAsked: readonly string[];
}

/** A process as the roll call knows it. */
interface Enrolled {
  readonly id: string;
  readonly roles: readonly string[];
  readonly release: string;
  readonly host: string;
}

export interface Roll {
  readonly live: readonly (Enrolled & { readonly running: readonly BusyWith[] })[];
  /** Booted, not gone, and without a beat. */
  readonly silent: readonly Enrolled[];
}

/** Holds the answers to a wish against the roll. Pure. */
export function lookAt(
  wish: { roles: readonly Role[]; release: string },
  roll: Roll,
  answers: ReadonlyMap<string, DrainAck>,
): FleetLook {
  const drained: string[] = [];
  const busy: BusyProcess[] = [];
  const silent = roll.silent.filter((process) => isAsked(process, wish)).map((process) => process.id);
  for (const process of roll.live.filter((each) => isAsked(each, wish))) {
    const answer = answers.get(process.id);
    const tasks = busyWith(process, answer?.busy ?? process.running);
    if (tasks.length > 0) busy.push(...tasks);
    else if (answer === undefined) silent.push(process.id);
    else if (answer.pending > 0)
      busy.push({
        process: process.id,
        host: process.host,
        task: null,
        job: null,
        queue: null,
        since: answer.at,
      });
    else drained.push(process.id);
  }
  const others = [...roll.live, ...roll.silent].filter(
    (each) => each.release !== wish.release && hasRole(each, wish),
  );
  return { drained, busy, silent, notAsked: others.map((each) => each.id) };
}

/** The look after the ledger named tasks that still belong to processes which said they were done. Pure. */
export function withStarted(
  look: FleetLook,
  started: readonly (BusyWith & { readonly worker: string })[],
  roll: Roll,
): FleetLook {
  if (started.length === 0) return look;
  const busy = started.flatMap((task) =>
    busyWith({ id: task.worker, host: hostOf(task.worker, roll) }, [task]),
  );
  return {
    ...look,
    drained: look.drained.filter((id) => !busy.some((task) => task.process === id)),
    busy: [...look.busy, ...busy],
  };
}

export function isSafe(look: FleetLook): boolean {
  return look.busy.length === 0 && look.silent.length === 0;
}

function busyWith(process: { id: string; host: string }, tasks: readonly BusyWith[]): BusyProcess[] {
  return tasks.map(({ task, job, queue, since }) => ({
    process: process.id,
    host: process.host,
    task,
    job,
    queue,
    since,
  }));
}

function hostOf(id: string, roll: Roll): string {
  return roll.live.find((process) => process.id === id)?.host ?? '';
}
