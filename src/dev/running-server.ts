import { DevServerError } from './dev-server-error.js';
import { freePort } from './free-port.js';
import type { RunRecord } from './run-record.js';
import type { ServerProcess } from './server-process.js';

/** A real PostgreSQL or Redis of our own, on a port of 127.0.0.1. */
export interface DevServer {
  readonly url: string;
  readonly port: number;
  /** Of the server that runs now; another one after `restart`. */
  readonly pid: number;
  /** Ends it in order; its data stays. Resolves when the process is gone; calling it again does nothing. */
  stop(): Promise<void>;
  /**
   * Sends a signal to the server and the processes it has forked. SIGSTOP freezes it whole, SIGCONT thaws it; after
   * SIGKILL it resolves once the server is gone.
   */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port with the same data, stopping it first if it still runs. Resolves when it answers. */
  restart(): Promise<void>;
}

interface Blueprint {
  url: (port: number) => string;
  /** A free port is looked for when absent. */
  port: number | undefined;
  record: RunRecord;
  boot: (port: number) => Promise<ServerProcess>;
}

const PORTS_TO_TRY = 5;

export class RunningServer implements DevServer {
  readonly url: string;

  /** Ends what an earlier run left in the folder, then boots. */
  static async start(blueprint: Blueprint): Promise<RunningServer> {
    await blueprint.record.endLeftover();
    if (blueprint.port !== undefined) return RunningServer.startOn(blueprint.port, blueprint);
    return RunningServer.startOnFreePort(blueprint);
  }

  /** Between looking for a free port and listening on it somebody else may take it: then another one. */
  private static async startOnFreePort(blueprint: Blueprint): Promise<RunningServer> {
    for (let left = PORTS_TO_TRY; ; left -= 1) {
      try {
        return await RunningServer.startOn(await freePort(), blueprint);
      } catch (error) {
        if (left <= 1 || !(error instanceof DevServerError) || error.details.portTaken !== true) throw error;
      }
    }
  }

  private static async startOn(port: number, blueprint: Blueprint): Promise<RunningServer> {
    const server = new RunningServer(blueprint, port, await blueprint.boot(port));
    server.writeRecord();
    return server;
  }

  private constructor(
    private readonly blueprint: Blueprint,
    readonly port: number,
    private process: ServerProcess,
  ) {
    this.url = blueprint.url(port);
  }

  get pid(): number {
    return this.process.pid;
  }

  async stop(): Promise<void> {
    await this.process.stop();
    this.blueprint.record.remove();
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (signal === 'SIGKILL') return this.process.crash();
    this.process.signal(signal);
  }

  async restart(): Promise<void> {
    await this.process.stop();
    this.process = await this.blueprint.boot(this.port);
    this.writeRecord();
  }

  private writeRecord(): void {
    this.blueprint.record.write(this.process.pid, this.url);
  }
}
