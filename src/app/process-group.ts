import cluster from 'node:cluster';
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config/index.js';
import { messageOf, SECOND } from '../foundation/index.js';
import { INTERRUPTED } from '../lifecycle/index.js';
import type { Telemetry } from '../telemetry/index.js';

/** A child that ended without being told to, or could not be started, is started again after this long, ms; doubled up to half a minute. */
const RESTART_MS = SECOND;
const MOST_RESTART_MS = 30 * SECOND;

/** Whether this process is to be the parent of several: WEB_CONCURRENCY webs on one port, EMBED_WORKER a worker beside them. */
export function needsGroup(settings: Settings): boolean {
  return (
    settings.roles.includes('web') &&
    !cluster.isWorker &&
    (settings.webConcurrency > 1 || settings.embedWorker)
  );
}

/**
 * Starts the children, and has them shut down at SIGTERM and SIGINT. Exits when all of them have: with 0 if all did. A child
 * that dies by itself is replaced, as is one that could not be started. The parent does no work of its own, so nothing in it can block.
 */
export function runGroup(settings: Settings, argv: readonly string[], telemetry: Telemetry): void {
  const children = new Set<ChildProcess>();
  let stopping = false;
  let worstExit = 0;
  const keep = (spawn: () => ChildProcess, restartMs = RESTART_MS): void => {
    const bornAt = Date.now();
    const again = (): void => {
      const nextMs =
        Date.now() - bornAt > MOST_RESTART_MS ? RESTART_MS : Math.min(restartMs * 2, MOST_RESTART_MS);
      setTimeout(() => {
        if (!stopping) keep(spawn, nextMs);
      }, restartMs);
    };
    const unborn = (error: unknown): void => {
      telemetry.emit('process.childFailed', { error: messageOf(error), restartMs });
      again();
    };
    const watch = (child: ChildProcess): void => {
      children.add(child);
      child.once('exit', (code, signal) => {
        children.delete(child);
        if (stopping) worstExit = Math.max(worstExit, code ?? exitCodeOf(signal));
        if (stopping && children.size === 0) process.exit(worstExit);
        // Wrong settings or code will not get better by trying.
        if (!stopping && code === 2) {
          worstExit = 2;
          stopAll('SIGTERM');
          return;
        }
        if (!stopping) again();
      });
    };
    try {
      const child = spawn();
      const isBorn = child.pid !== undefined;
      if (isBorn) watch(child);
      child.on('error', (error) => {
        if (!isBorn) unborn(error); // else a message did not reach it: if it is gone, its end says so
      });
    } catch (error) {
      unborn(error); // no memory: Node throws that, and lets the child say that there are too many processes
    }
  };
  const stopAll = (signal: NodeJS.Signals): void => {
    stopping = true;
    for (const child of children) child.kill(signal);
    if (children.size === 0) process.exit(worstExit);
  };
  process.on('SIGTERM', () => {
    stopAll('SIGTERM');
  });
  // A terminal sends Ctrl-C to the children too, a supervisor does not: they cannot count with us. So the first is passed on as
  // SIGTERM, and the second, by which somebody says that he does not want to wait, ends them whatever they have heard.
  let interrupts = 0;
  process.on('SIGINT', () => {
    interrupts++;
    if (interrupts > 1) worstExit = INTERRUPTED;
    stopAll(interrupts > 1 ? 'SIGKILL' : 'SIGTERM');
  });

  const main = process.argv[1] ?? fileURLToPath(new URL('../main.js', import.meta.url));
  cluster.setupPrimary({ exec: main, args: [...argv] });
  for (let i = 0; i < settings.webConcurrency; i++) keep(forkWeb);
  if (settings.embedWorker) keep(() => fork(main, ['worker']));
}

function forkWeb(): ChildProcess {
  const worker = cluster.fork();
  worker.on('error', () => undefined); // it repeats what its process says
  return worker.process;
}

// Who is ended by SIGTERM itself did not listen yet, so that it had begun nothing.
function exitCodeOf(signal: NodeJS.Signals | null): number {
  return signal === 'SIGTERM' ? 0 : 1;
}
