import { createWriteStream, type WriteStream } from 'node:fs';
import path from 'node:path';
import { SupervisedChild } from '../../dev/index.js';

/** No command of the demo takes this long, ms. */
const CLI_PATIENCE_MS = 120_000;

/** The processes of the demo, started as a Procfile would start them. What they log goes to a file. */
export class Fleet {
  private readonly running: { name: string; child: SupervisedChild }[] = [];
  private readonly log: WriteStream;

  constructor(
    private readonly root: string,
    private readonly env: NodeJS.ProcessEnv,
    readonly logFile: string,
    private readonly asked: AbortSignal,
  ) {
    this.log = createWriteStream(logFile);
  }

  /** `node dist/main.js <role>`. */
  start(role: string, name = role): SupervisedChild {
    const child = this.spawn(name, ['dist/main.js', role], (line) => this.log.write(`${name} ${line}\n`));
    this.running.push({ name, child });
    return child;
  }

  /** `shiftwork <args>`: resolves with what it printed and how it ended. */
  async cli(...args: string[]): Promise<{ lines: string[]; how: string }> {
    const lines: string[] = [];
    const child = this.spawn('cli', ['dist/cli.js', ...args], (line) => {
      lines.push(line);
      this.log.write(`cli ${line}\n`);
    });
    const signal = AbortSignal.any([this.asked, AbortSignal.timeout(CLI_PATIENCE_MS)]);
    const kill = (): void => {
      child.kill();
    };
    signal.addEventListener('abort', kill);
    const how = await child.exited;
    signal.removeEventListener('abort', kill);
    this.asked.throwIfAborted();
    return { how, lines };
  }

  /** Ends all of them in the order in which work flows: nothing new comes in before the workers go. */
  async stop(graceMs: number): Promise<void> {
    const order = ['web', 'clock', 'worker'];
    const sorted = [...this.running].sort(
      (a, b) => order.indexOf(a.name.split('-')[0] ?? '') - order.indexOf(b.name.split('-')[0] ?? ''),
    );
    for (const { child } of sorted) await child.stop(graceMs);
    await new Promise<void>((resolve) => this.log.end(resolve));
  }

  kill(): void {
    for (const { child } of this.running) child.kill();
  }

  private spawn(name: string, args: string[], onLine: (line: string) => void): SupervisedChild {
    const [program = '', ...rest] = args;
    return new SupervisedChild(
      {
        name,
        command: process.execPath,
        args: [path.join(this.root, program), ...rest],
        cwd: this.root,
        env: this.env,
      },
      onLine,
    );
  }
}
