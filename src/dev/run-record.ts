import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DevServerError } from './dev-server-error.js';
import { poll } from './poll.js';
import { identityOf, isAlive, pidOf } from './process-identity.js';

/** Who runs which server in a folder: written at start, removed at stop, read by the next start. */
interface Run {
  /** Identity of the process that started the server. */
  owner: string;
  /** Identity of the server. */
  server: string;
  url: string;
}

const STOP_WITHIN_MS = 10_000;

export class RunRecord {
  private readonly file: string;

  constructor(
    private readonly name: string,
    private readonly folder: string,
    private readonly stopSignal: NodeJS.Signals,
  ) {
    this.file = join(folder, `${name.toLowerCase()}.run.json`);
  }

  write(serverPid: number, url: string): void {
    const run: Run = { owner: identityOf(process.pid) ?? '', server: identityOf(serverPid) ?? '', url };
    writeFileSync(`${this.file}.new`, JSON.stringify(run));
    renameSync(`${this.file}.new`, this.file); // whole or not at all
  }

  remove(): void {
    rmSync(this.file, { force: true });
  }

  /**
   * Clears what an earlier run left. A server whose starter is gone is ended (its guard may be doing so already); one
   * whose starter lives is somebody's: that is an error, since two servers cannot share one data folder.
   */
  async endLeftover(): Promise<void> {
    const run = this.read();
    if (run === undefined || !isAlive(run.server)) return;
    if (isAlive(run.owner)) throw this.inUse(run);
    await this.end(run);
  }

  private async end(run: Run): Promise<void> {
    const pid = pidOf(run.server);
    const gone = (): true | undefined => (isAlive(run.server) ? undefined : true);
    for (const signal of ['SIGCONT', this.stopSignal] as const) kill(pid, signal);
    if (await poll(gone, STOP_WITHIN_MS)) return;
    kill(pid, 'SIGKILL');
    await poll(gone, STOP_WITHIN_MS);
  }

  private read(): Run | undefined {
    try {
      return JSON.parse(readFileSync(this.file, 'utf8')) as Run; // only write() above makes this file
    } catch {
      return undefined; // none, or cut short by a power failure
    }
  }

  private inUse(run: Run): DevServerError {
    const url = run.url;
    return new DevServerError(
      `${this.name} in ${this.folder} is in use by process ${String(pidOf(run.owner))} (${url}). Stop that one first, or use its server by setting its URL.`,
      { url },
    );
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone meanwhile, which is the aim
  }
}
