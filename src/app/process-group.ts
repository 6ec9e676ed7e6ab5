import cluster from 'node:cluster';
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config/index.js';
import { messageOf, SECOND } from '../foundation/index.js';
import { INTERRUPTED } from '../lifecycle/index.js';
import type { Telemetry } from '../telemetry/index.js';

/** A child that ended by itself, or could not be started, is started again after this long, ms; doubled each time, up to half a minute. */
const RESTART_MS = SECOND;
const MOST_RESTART_MS = 30 * SECOND;

/** Exit code of a child whose settings or code are wrong. */
const WRONG_SETTINGS = 2;

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
  const group = new ProcessGroup(telemetry);
  group.listenForSignals();
  const main = process.argv[1] ?? fileURLToPath(new URL('../main.js', import.meta.url));
  cluster.setupPrimary({ exec: main, args: [...argv] });
  for (let i = 0; i < settings.webConcurrency; i++) group.keep(forkWeb);
  if (settings.embedWorker) group.keep(() => fork(main, ['worker']));
}

class ProcessGroup {
  private readonly children = new Set<ChildProcess>();
  private isStopping = false;
  private worstExit = 0;
  private interrupts = 0;

  constructor(private readonly telemetry: Telemetry) {}

  /** Starts a child, and another one in its place whenever it has ended by itself. */
  keep(spawn: () => ChildProcess, restartMs = RESTART_MS): void {
    const startedAt = Date.now();
    const again = (): void => {
      const livedMs = Date.now() - startedAt;
      const nextMs = livedMs > MOST_RESTART_MS ? RESTART_MS : Math.min(restartMs * 2, MOST_RESTART_MS);
      setTimeout(() => {
        if (!this.isStopping) this.keep(spawn, nextMs);
      }, restartMs);
    };
    const failed = (error: unknown): void => {
      this.telemetry.emit('process.childFailed', { error: messageOf(error), restartMs });
      again();
    };
    try {
      const child = spawn();
      const hasStarted = child.pid !== undefined;
      if (hasStarted) this.watch(child, again);
      child.on('error', (error) => {
        if (!hasStarted) failed(error); // a later error is a message that did not reach it; if it is gone, its exit says so
      });
    } catch (error) {
      failed(error); // no memory: that Node throws, while it has the child report that there are too many processes
    }
  }

  // A terminal sends Ctrl-C to the children as well, a supervisor does not, so they cannot tell a second Ctrl-C from the first.
  // The parent counts for them: it passes the first on as SIGTERM, and kills them at the second.
  listenForSignals(): void {
    process.on('SIGTERM', () => {
      this.stop('SIGTERM');
    });
    process.on('SIGINT', () => {
      this.interrupts++;
      if (this.interrupts > 1) this.worstExit = INTERRUPTED;
      this.stop(this.interrupts > 1 ? 'SIGKILL' : 'SIGTERM');
    });
  }

  private watch(child: ChildProcess, again: () => void): void {
    this.children.add(child);
    child.once('exit', (code, signal) => {
      this.children.delete(child);
      if (this.isStopping) this.noteExit(code ?? exitCodeOf(signal));
      else if (code === WRONG_SETTINGS) this.giveUp();
      else again();
    });
  }

  private noteExit(code: number): void {
    this.worstExit = Math.max(this.worstExit, code);
    if (this.children.size === 0) process.exit(this.worstExit);
  }

  // Wrong settings or code will not get better by trying.
  private giveUp(): void {
    this.worstExit = WRONG_SETTINGS;
    this.stop('SIGTERM');
  }

  private stop(signal: NodeJS.Signals): void {
    this.isStopping = true;
    for (const child of this.children) child.kill(signal);
    if (this.children.size === 0) process.exit(this.worstExit);
  }
}

function forkWeb(): ChildProcess {
  const worker = cluster.fork();
  worker.on('error', () => undefined); // it repeats what its process says
  return worker.process;
}

// A child that SIGTERM killed had not begun to listen for it: it had no work yet, and its end is no fault.
function exitCodeOf(signal: NodeJS.Signals | null): number {
  return signal === 'SIGTERM' ? 0 : 1;
}
