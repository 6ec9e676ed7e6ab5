import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { guard } from './guard.js';

export interface ChildCommand {
  /** Shown before each line it prints. */
  name: string;
  command: string;
  args: readonly string[];
  env?: NodeJS.ProcessEnv | undefined;
  cwd?: string | undefined;
  /** Start it again when it ends by itself (after a growing pause); default false. */
  restart?: boolean | undefined;
}

const GUARD_GRACE_SECONDS = 30;

/** One child process, from spawn to exit. It is in a group of its own: a Ctrl-C reaches us, and we pass it on, once. */
export class SupervisedChild {
  /** Resolves with how it ended: `exit code 0`, `SIGKILL`, or why it could not be started. */
  readonly exited: Promise<string>;
  private readonly child: ChildProcessByStdio<null, Readable, Readable>;
  private over = false;

  constructor(command: ChildCommand, onLine: (line: string) => void) {
    this.child = spawn(command.command, command.args, {
      cwd: command.cwd,
      env: command.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      createInterface({ input: stream }).on('line', onLine);
    const pid = this.child.pid;
    const callOff = pid === undefined ? () => undefined : guard(pid, 'SIGTERM', GUARD_GRACE_SECONDS);
    this.exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.over = true;
        callOff();
        resolve(how);
      };
      this.child.once('error', (error) => {
        end(error.message);
      });
      this.child.once('exit', (code, signal) => {
        end(signal ?? `exit code ${String(code)}`);
      });
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone; fine when it already is. */
  async stop(graceMs: number): Promise<void> {
    if (this.over) return;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.kill();
    }, graceMs);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
