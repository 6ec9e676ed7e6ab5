import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';

/**
 * A pid alone says little: the number is given out again, in containers within minutes. With the moment the process
 * began it names one process for good. Undefined when no such process lives.
 */
export function identityOf(pid: number): string | undefined {
  const startedAt = existsSync('/proc/self/stat') ? startFromProc(pid) : startFromPs(pid);
  return startedAt === undefined ? undefined : `${String(pid)}@${startedAt}`;
}

/** True while the process that once had this identity is alive. */
export function isAlive(identity: string): boolean {
  return identityOf(pidOf(identity)) === identity;
}

/** The pid in an identity. */
export function pidOf(identity: string): number {
  return Number.parseInt(identity, 10);
}

/** Pids of the processes that `pid` has forked and that still live. */
export function childrenOf(pid: number): number[] {
  if (!existsSync('/proc/self/stat')) return childrenFromPs(pid);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => statFields(candidate)?.[1] === String(pid));
}

/** The command line of a living process; an empty text when it is gone or not ours to see. */
export function commandLineOf(pid: number): string {
  try {
    if (existsSync('/proc/self/stat'))
      return readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return ps('args=', pid);
  } catch {
    return ''; // gone between two looks
  }
}

/** Fields of /proc/PID/stat after the name in brackets (which may hold spaces): state, parent, … */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // gone between two looks
  }
}

function startFromProc(pid: number): string | undefined {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === 'Z') return undefined; // a zombie has ended
  return fields[19];
}

function startFromPs(pid: number): string | undefined {
  try {
    return ps('lstart=', pid).replaceAll(' ', '_') || undefined;
  } catch {
    return undefined; // ps says "no such process" by its exit code
  }
}

function childrenFromPs(pid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child ?? 0);
}

function ps(column: string, pid: number): string {
  return execFileSync('ps', ['-o', column, '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
}
