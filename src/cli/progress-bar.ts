import { Presets, SingleBar } from 'cli-progress';
import { monotonicMs, SECOND } from '../foundation/index.js';
import type { Streams } from './output.js';

/** The progress of one task on stderr: a bar on a terminal; elsewhere a line when it changed, at most one a second. */
export class ProgressBar {
  private readonly bar: SingleBar | null;
  private status = '';
  private percent = 0;
  private message = '';
  private line = '';
  private lineAt = -Infinity;

  constructor(private readonly stderr: Streams['stderr']) {
    this.bar = stderr.isTTY === true ? newBar(stderr) : null;
    this.bar?.start(100, 0, { status: '', message: '' });
    process.once('exit', this.stop); // a second Ctrl-C must not leave the terminal without its cursor
  }

  /** Takes in what changed; the rest stays as it was. */
  show(change: { status?: string; percent?: number; message?: string | null }): void {
    const isNews = change.status !== undefined && change.status !== this.status;
    this.status = change.status ?? this.status;
    this.percent = change.percent ?? this.percent;
    if (change.message !== undefined) this.message = (change.message ?? '').replaceAll(/\p{Cc}+/gu, ' ');
    if (this.bar) this.bar.update(Math.floor(this.percent), { status: this.status, message: this.message });
    else this.print(isNews);
  }

  /** Leaves the last state standing and gives the line back. */
  readonly stop = (): void => {
    process.off('exit', this.stop);
    this.bar?.stop();
  };

  private print(isNews: boolean): void {
    const line = [this.status, this.percent > 0 ? `${Math.floor(this.percent)} %` : '', this.message]
      .filter((part) => part !== '')
      .join('  ');
    if (line === this.line || (!isNews && monotonicMs() - this.lineAt < SECOND)) return;
    [this.line, this.lineAt] = [line, monotonicMs()];
    this.stderr.write(`  ${line}\n`);
  }
}

function newBar(stream: NodeJS.WritableStream): SingleBar {
  return new SingleBar(
    { format: '{status} [{bar}] {percentage} %  {message}', stream, hideCursor: true, stopOnComplete: false },
    Presets.rect,
  );
}
