import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { guard } from '../../src/dev/guard.js';
import { environmentOf } from './servers.js';
import { waitFor } from './wait.js';

const ROOT = join(import.meta.dirname, '../..');

/** A line of the log, as the process printed it. Every line is one JSON object; other lines have only `text`. */
export interface LogLine {
  text: string;
  event?: string;
  role?: string;
  [field: string]: unknown;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface StartOptions {
  /** The world to live in, see `uniqueAppName`. */
  appName: string;
  env?: Record<string, string | undefined>;
  /** The program, relative to the checkout; `dist/main.js` by default. */
  program?: string;
}

/** After the exit the last lines are still in the pipe. */
const OUTPUT_WITHIN_MS = 2_000;

const started = new Set<RunningProcess>();

/** Starts `node dist/main.js <role>` (build first). Nothing of this process's own settings reaches it but PATH and HOME. */
export function startRole(role: string, options: StartOptions): RunningProcess {
  return startProgram(options.program ?? 'dist/main.js', [role], options);
}

/** Runs `node dist/cli.js …`; wait for `exit`. */
export function startCli(args: string[], options: StartOptions): RunningProcess {
  return startProgram(options.program ?? 'dist/cli.js', args, options);
}

export function startProgram(program: string, args: string[], options: StartOptions): RunningProcess {
  return new RunningProcess(program, args, {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_ENV: 'test',
    LOG_LEVEL: 'debug',
    ...environmentOf(options.appName),
    ...options.env,
  });
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Ends every process that this file has started and that still lives. Call it in `afterEach` or `afterAll`. */
export async function killLeftovers(): Promise<void> {
  await Promise.all([...started].map(async (it) => it.kill()));
}

process.once('exit', () => {
  for (const it of started) it.child.kill('SIGKILL');
});

/** A real process: what it printed, how to signal it, how it ended. */
export class RunningProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  /** Resolves when it has ended and all its output has been read. */
  readonly exit: Promise<Exit>;
  private ended: Exit | undefined;

  constructor(
    private readonly program: string,
    private readonly args: string[],
    env: Record<string, string | undefined>,
  ) {
    this.child = spawn(process.execPath, [join(ROOT, program), ...args], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.add(this);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (text) => this.lines.push(parse(text)));
    }
    const callOff = this.child.pid === undefined ? () => undefined : guard(this.child.pid, 'SIGKILL', 0);
    this.exit = new Promise((resolve, reject) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        started.delete(this);
        this.ended ??= { code, signal };
        resolve(this.ended);
      };
      this.child.once('error', reject);
      this.child.once('exit', (code, signal) => {
        callOff(); // the pid may be given to somebody else
        setTimeout(end, OUTPUT_WITHIN_MS, code, signal).unref(); // a grandchild may keep the pipes open for ever
      });
      this.child.once('close', end);
    });
    this.exit.catch(() => undefined); // whoever waits for it hears of it
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} could not be started`);
    return this.child.pid;
  }

  /** Undefined while it runs. */
  get exited(): Exit | undefined {
    return this.ended;
  }

  get output(): string {
    return this.lines.map((line) => line.text).join('\n');
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGKILL, thawed first if it was frozen; resolves when it is gone. */
  async kill(): Promise<Exit> {
    this.child.kill('SIGKILL');
    return this.exit;
  }

  /** The first line (already printed or to come) that fits; fails at once when the process ends without it. */
  async waitForLine(
    describe: string,
    fits: (line: LogLine) => boolean,
    deadlineMs = 60_000,
  ): Promise<LogLine> {
    const found = await waitFor(
      `${describe} from ${this.name}`,
      () => this.lines.find(fits) ?? (this.ended === undefined ? undefined : ('ended' as const)),
      { deadlineMs },
    ).catch((error: unknown) => this.fail(error instanceof Error ? error.message : String(error)));
    if (found === 'ended')
      return this.fail(`${this.name} ended (${JSON.stringify(this.ended)}) without ${describe}`);
    return found;
  }

  /** The first line with this event and these fields. */
  async waitForEvent(
    event: string,
    fields: Record<string, unknown> = {},
    deadlineMs = 60_000,
  ): Promise<LogLine> {
    const wanted = Object.entries({ event, ...fields });
    return this.waitForLine(
      `event ${event}`,
      (line) => wanted.every(([name, value]) => line[name] === value),
      deadlineMs,
    );
  }

  /** Its exit, or a failure that shows what it printed. */
  async waitForExit(deadlineMs = 60_000): Promise<Exit> {
    return waitFor(`the end of ${this.name}`, () => this.ended, { deadlineMs }).catch((error: unknown) =>
      this.fail(error instanceof Error ? error.message : String(error)),
    );
  }

  private get name(): string {
    return [this.program, ...this.args].join(' ');
  }

  private fail(message: string): never {
    throw new Error(`${message}. It printed:\n${this.output.slice(-6_000)}`);
  }
}

function parse(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value, text } : { text };
  } catch {
    return { text };
  }
}
