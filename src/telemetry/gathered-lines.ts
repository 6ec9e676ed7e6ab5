import { writeSync } from 'node:fs';

/** A burst within one turn is written when it has grown to this, characters. */
const MOST_GATHERED = 65_536;
const PIPE_FULL_PAUSE_MS = 2;

/**
 * Writes lines to a descriptor, those of one turn of the event loop together: at 20,000 tasks a second a write for each
 * line would cost more than the tasks. The write itself is synchronous, so that an exit loses nothing that `flush` has seen.
 * (pino's own destination makes the disk confirm each flush, which stops the process for a millisecond at a time.)
 */
export class GatheredLines {
  private text = '';
  private isScheduled = false;

  constructor(private readonly fd: number) {}

  write(line: string): void {
    this.text += line;
    if (this.text.length >= MOST_GATHERED) this.flush();
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.flush();
    });
  }

  /** Writes out what has been gathered. Lines for a reader that is gone are dropped. */
  flush(): void {
    if (this.text === '') return;
    const bytes = Buffer.from(this.text);
    this.text = '';
    for (let at = 0; at < bytes.length;) {
      try {
        at += writeSync(this.fd, bytes, at);
      } catch (error) {
        if (!isPipeFull(error)) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_FULL_PAUSE_MS);
      }
    }
  }
}

function isPipeFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}
