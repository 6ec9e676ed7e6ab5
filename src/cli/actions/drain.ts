import type { Role } from '../../config/index.js';
import {
  ControlModule,
  DEFAULT_ROLES,
  DrainRequest,
  releaseToAsk,
  type FleetLook,
  type Verdict,
} from '../../control/index.js';
import { RollCall } from '../../fleet/index.js';
import type { Action, Rooms, Session } from '../action.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { tableOf } from '../table.js';
import { count, duration, since } from '../words.js';

interface DrainFlags {
  readonly role?: Role[];
  /** ms, as `hold`. */
  readonly timeout?: number;
  readonly hold?: number;
  readonly release?: string;
}

export const drain: Action<[DrainFlags]> = { rooms: { modules: [ControlModule] }, run };

async function run(cli: Session, rooms: Rooms, flags: DrainFlags): Promise<ExitCode> {
  const asked = flags.role ?? DEFAULT_ROLES;
  const release = flags.release ?? (await likelyRelease(rooms, asked, cli.isReleaseNamed));
  const { output } = cli;
  output.note(`Asking ${asked.join(' and ')} of release ${release} to be quiet …`);
  const progress = tellChanges((text) => {
    output.note(text);
  });
  const verdict = await rooms.get(DrainRequest).run({
    roles: asked,
    release,
    timeoutMs: flags.timeout,
    holdMs: flags.hold,
    signal: cli.interrupted,
    onProgress: progress,
  });
  if (verdict.notAsked.length > 0)
    output.note(
      `Not asked, because of another release: ${count(verdict.notAsked.length, 'process')} (${verdict.notAsked.join(', ')}). Use --release if you meant them.`,
    );
  output.answer(verdict, () => textOf(verdict));
  return exitCodeFor(verdict);
}

// A laptop's build has a hash of its own unless RELEASE is set. If the fleet runs exactly one release, that is the one meant.
async function likelyRelease(rooms: Rooms, asked: readonly Role[], isNamed: boolean): Promise<string> {
  const { live, silent } = await rooms.get(RollCall).roll();
  const running = [...live, ...silent].filter((process) =>
    asked.some((role) => process.roles.includes(role)),
  );
  return releaseToAsk(
    rooms.settings.release,
    isNamed,
    running.map((process) => process.release),
  );
}

function tellChanges(note: (text: string) => void): (look: FleetLook) => void {
  let last = '';
  return (look) => {
    const text = progressOf(look);
    const key = JSON.stringify([look.busy.map((each) => each.task), look.silent, look.drained.length]);
    if (key !== last && text !== '') note(text);
    last = key;
  };
}

function progressOf({ drained, busy, silent }: FleetLook): string {
  const parts = [
    busy.length > 0 ? `${count(busy.length, 'task')} still running` : '',
    silent.length > 0 ? `${count(silent.length, 'process')} not heard of yet` : '',
    drained.length > 0 ? `${count(drained.length, 'process')} quiet and idle` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : `  ${parts.join(', ')}`;
}

function textOf(verdict: Verdict): string {
  if (verdict.safe) {
    const held = duration(Date.parse(verdict.heldUntil ?? '') - Date.now());
    return `Safe to push. ${count(verdict.drained.length, 'process')} stay quiet for ${held} (until ${verdict.heldUntil ?? '?'}), or until "shiftwork resume".`.replace(
      '1 process stay',
      '1 process stays',
    );
  }
  return [
    `Not safe to push: ${WHY[verdict.reason ?? 'timeout']}`,
    busyTable(verdict),
    silentLines(verdict),
    'The fleet works again.',
    remedyOf(verdict),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

const WHY = {
  timeout: 'the time was up before everything had ended.',
  withdrawn: 'somebody called "shiftwork resume" meanwhile.',
  interrupted: 'you stopped it.',
} as const;

function busyTable({ busy }: Verdict): string {
  if (busy.length === 0) return '';
  const now = Date.now();
  return tableOf(
    [
      { heading: 'TASK', of: (it) => it.task ?? '(outcomes being written)' },
      { heading: 'JOB', of: (it) => it.job },
      { heading: 'QUEUE', of: (it) => it.queue },
      { heading: 'RUNS FOR', of: (it) => since(it.since, now) },
      { heading: 'PROCESS', of: (it) => it.process },
      { heading: 'HOST', of: (it) => it.host },
    ],
    busy,
  );
}

function silentLines({ silent }: Verdict): string {
  return silent.length === 0 ? '' : `Silent, so nobody knows what they run: ${silent.join(', ')}`;
}

function remedyOf({ reason, busy }: Verdict): string {
  if (reason !== 'timeout') return '';
  return busy.length > 0
    ? 'Wait longer with --timeout, or push anyway: at SIGTERM a job hands over at its next checkpoint.'
    : 'A process that is cut off from Redis or died a moment ago is silent. Try again, and see "shiftwork ps" and "shiftwork doctor".';
}

function exitCodeFor(verdict: Verdict): ExitCode {
  if (verdict.safe) return EXIT.done;
  return verdict.reason === 'interrupted' ? EXIT.interrupted : EXIT.no;
}
