import { readFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of a hundredth of a second. */
const TICK_MS = 10;

/**
 * CPU time in ms that a process has used so far, its ended and its living children included: PostgreSQL forks a process
 * for each connection. Zero where there is no /proc.
 */
export function cpuMs(pid) {
  return ownMs(pid) + childrenOf(pid).reduce((sum, child) => sum + cpuMs(child), 0);
}

/** Resident memory of one process, MB. */
export function rssMb(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1]) / 1024;
}

// The name in field 2 may hold spaces; what follows its last bracket does not.
function ownMs(pid) {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, each) => sum + Number(each), 0); // own and ended children's, user and system
  return text === '' ? 0 : ticks * TICK_MS;
}

function childrenOf(pid) {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((each) => each !== '')
    .map(Number);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // ended meanwhile, or no Linux
  }
}
