import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import type { Account } from './account.js';
import { DevServerError } from './dev-server-error.js';
import { guard } from './guard.js';
import { childrenOf } from './process-identity.js';

export interface ServerCommand {
  /** For messages: `PostgreSQL`, `Redis`. */
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv | undefined;
  cwd: string;
  /** Everything the server prints is appended here. */
  logFile: string;
  /** Who the server runs as; this process's own account when absent. */
  account?: Account | undefined;
  /** The polite way to end it. */
  stopSignal: NodeJS.Signals;
}

const GUARD_GRACE_SECONDS = 10;
const PORT_TAKEN = /address already in use/i;

/**
 * One running server. It is in a process group of its own, so that a Ctrl-C reaches us and not it: whoever still
 * needs it is stopped first. It holds no handle that keeps our event loop alive, and a guard ends it if we are killed.
 */
export class ServerProcess {
  readonly pid: number;
  /** Resolves when the process has ended, in whatever way. */
  readonly exited: Promise<void>;
  private ended: string | undefined;
  private readonly logStart: number;

  static launch(server: ServerCommand): ServerProcess {
    return new ServerProcess(server);
  }

  private constructor(private readonly server: ServerCommand) {
    const log = openSync(server.logFile, 'a', 0o644);
    this.logStart = statSync(server.logFile).size;
    const child = spawn(server.command, server.args, {
      cwd: server.cwd,
      env: server.env ?? process.env,
      stdio: ['ignore', log, log],
      detached: true,
      ...server.account,
    });
    closeSync(log);
    this.pid = child.pid ?? 0;
    const callOff =
      child.pid === undefined ? () => undefined : guard(child.pid, server.stopSignal, GUARD_GRACE_SECONDS);
    this.exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.ended = how;
        callOff(); // at once: the pid may now be given to somebody else
        resolve();
      };
      child.once('error', (error) => {
        end(error.message);
      });
      child.once('exit', (code, signal) => {
        end(signal === null ? `exit code ${String(code)}` : signal);
      });
    });
    child.unref();
  }

  /** How it ended, or undefined while it lives. */
  get end(): string | undefined {
    return this.ended;
  }

  /** A signal to the server and everything it has forked: a frozen PostgreSQL is frozen in all its sessions. */
  signal(signal: NodeJS.Signals): void {
    if (this.ended !== undefined) return;
    for (const pid of [this.pid, ...childrenOf(this.pid)]) send(pid, signal);
  }

  /** Ends it: politely, then SIGKILL after `graceMs`. Resolves when it is gone; calling it again is fine. */
  async stop(graceMs = 10_000): Promise<void> {
    if (this.ended !== undefined) return;
    this.signal('SIGCONT'); // a frozen process would sit on its signals
    send(this.pid, this.server.stopSignal);
    const timer = setTimeout(() => {
      this.signal('SIGKILL');
    }, graceMs);
    await this.exited; // the timer keeps our event loop alive meanwhile; the child does not
    clearTimeout(timer);
  }

  /** Ends it as a power failure would: the server and all it has forked, at once. Resolves when it is gone. */
  async crash(): Promise<void> {
    this.signal('SIGKILL');
    await this.stop(0);
  }

  /** The error of a server that did not come up, with the end of what it printed. */
  failure(what: string): DevServerError {
    const how = this.ended === undefined ? '' : ` (${this.ended})`;
    return new DevServerError(
      `${this.server.name} ${what}${how}. The end of ${this.server.logFile}:\n${this.printed().slice(-1_500)}`,
      {
        command: this.server.command,
        logFile: this.server.logFile,
        portTaken: PORT_TAKEN.test(this.printed()),
      },
    );
  }

  /** What this server has printed, without the runs before it. */
  printed(): string {
    return readFileSync(this.server.logFile).subarray(this.logStart).toString('utf8').trim();
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // gone is what we wanted
  }
}
