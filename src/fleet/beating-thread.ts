import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { FromThread, ThreadOptions, ToThread } from './thread/messages.js';
import { deferred, inTime } from '../foundation/index.js';

/** A thread that does not answer its stop order within this long (both servers hang) is cut off. */
const STOP_LIMIT_MS = 1_800;

/** The thread makes little garbage; without a bound its share for it grows to 16 MB and more, MB. */
const YOUNG_GENERATION_MB = 2;

/** The heartbeat's worker thread, as the main thread holds it. */
export class BeatingThread {
  private readonly worker: Worker;
  private readonly stopped = deferred();

  /** A thread that ends by itself is a fault of ours: `onFault` gets it, and the process must not go on unheard. */
  constructor(
    options: ThreadOptions,
    onMessage: (message: FromThread) => void,
    onFault: (error: Error) => void,
  ) {
    this.worker = new Worker(threadFile(), {
      workerData: options,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      name: 'shiftwork-heartbeat',
    });
    this.worker.unref(); // our beat alone is no reason to stay
    this.worker.on('message', (message: FromThread) => {
      if (message.kind === 'stopped') this.stopped.resolve();
      else onMessage(message);
    });
    this.worker.on('error', onFault);
  }

  tell(message: ToThread): void {
    this.worker.postMessage(message);
  }

  /** Leaves the roll and ends the thread. */
  async stop(left: boolean): Promise<void> {
    this.worker.ref();
    this.tell({ kind: 'stop', left });
    await inTime(this.stopped.promise, STOP_LIMIT_MS);
    await this.worker.terminate();
  }
}

// The thread runs compiled. Beside us it is in dist/; tests that load the sources find it there, too (`npm test` builds first).
function threadFile(): URL {
  const beside = new URL('./thread/heartbeat-thread.js', import.meta.url);
  return existsSync(fileURLToPath(beside))
    ? beside
    : new URL('../../dist/fleet/thread/heartbeat-thread.js', import.meta.url);
}
