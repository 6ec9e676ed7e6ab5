import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DevServerError } from './dev-server-error.js';
import { messageOf } from '../foundation/index.js';
import { CompiledChange } from './compiled-change.js';
import { prettyLine } from './pretty-line.js';
import { SupervisedChild } from './supervised-child.js';
import { Supervisor } from './supervisor.js';
import { watchAssets } from './watch-assets.js';

export interface DevRunOptions {
  /** The checkout. */
  root: string;
  /** What the roles and the compiler get as their environment. */
  env: NodeJS.ProcessEnv;
  /** Takes each line that somebody prints. */
  print: (name: string, line: string) => void;
}

/** Stopped in this order: what brings work first, what does it last. */
const ROLES = ['web', 'clock', 'worker'];
const GRACE_MS = 30_000;
const COMPILED = /Found 0 errors/;

/** The roles, and a compiler that watches the sources: a compile without errors that changed something restarts the roles. */
export class DevRun {
  private readonly supervisor: Supervisor;
  private readonly change: CompiledChange;
  private restarting = Promise.resolve();
  private endWatch: () => void = () => undefined;

  constructor(private readonly options: DevRunOptions) {
    this.change = new CompiledChange(join(options.root, 'dist'));
    this.supervisor = new Supervisor({
      graceMs: GRACE_MS,
      print: (name, line) => {
        this.heard(name, line);
      },
    });
  }

  /** Migrates, then starts everything. Resolves when the processes run; whether they are ready is in what they print. */
  async start(): Promise<void> {
    const { root, env } = this.options;
    await this.migrate();
    for (const role of ROLES) {
      this.supervisor.add({ name: role, ...this.node('dist/main.js', role), restart: true });
    }
    const compiler = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
    const args = [compiler, '--watch', '--preserveWatchOutput'];
    this.supervisor.add({ name: 'tsc', command: process.execPath, args, env, cwd: root });
    this.endWatch = watchAssets(join(root, 'src'), join(root, 'dist'), (file) => {
      this.options.print('dev', `Copied ${file}`);
    });
    this.options.print('dev', `Started ${[...ROLES, 'tsc'].join(', ')}`);
  }

  /** Ends everything, roles first, within the grace. */
  async stop(): Promise<void> {
    this.endWatch();
    await this.supervisor.stop();
    await this.restarting;
  }

  /** Ends everything at once. */
  kill(): void {
    this.supervisor.kill();
  }

  private heard(name: string, line: string): void {
    this.options.print(name, prettyLine(line));
    if (name === 'tsc' && COMPILED.test(line) && this.change.look()) this.restartRoles();
  }

  private restartRoles(): void {
    this.options.print('dev', 'Compiled: restarting the roles');
    this.restarting = this.restarting
      .then(async () => this.supervisor.restart(ROLES, async () => this.migrate()))
      .catch((error: unknown) => {
        this.options.print('dev', `Not restarted: ${messageOf(error)}`); // the next compile tries again
      });
  }

  private async migrate(): Promise<void> {
    const child = new SupervisedChild({ name: 'migrate', ...this.node('dist/cli.js', 'migrate') }, (line) => {
      this.options.print('migrate', prettyLine(line));
    });
    const how = await child.exited;
    if (how !== 'exit code 0') throw new DevServerError(`shiftwork migrate ended with ${how}`);
  }

  private node(
    program: string,
    argument: string,
  ): { command: string; args: string[]; env: NodeJS.ProcessEnv; cwd: string } {
    const { root, env } = this.options;
    return { command: process.execPath, args: [join(root, program), argument], env, cwd: root };
  }
}
