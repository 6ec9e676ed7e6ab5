import { MultiBar, type SingleBar } from 'cli-progress';
import type { TaskSeen } from './rest.js';

/** Progress bars of several tasks: they move in a terminal, and are one line per change of status elsewhere. */
export class Board {
  private readonly bars: MultiBar | undefined;

  constructor() {
    if (!process.stdout.isTTY) return;
    this.bars = new MultiBar({
      format: '  {name} {bar} {percentage}% {status} {note}',
      barsize: 30,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      hideCursor: true,
      linewrap: false,
    });
  }

  /** A line for this task. Call what it returns with each thing heard of it. */
  row(name: string): (task: Partial<TaskSeen>) => void {
    const bar = this.bars?.create(100, 0, { name: name.padEnd(26), status: 'QUEUED   ', note: '' });
    let status = 'QUEUED';
    return (task) => {
      const changed = task.status !== undefined && task.status !== status;
      status = task.status ?? status;
      if (bar !== undefined) move(bar, status, task);
      else if (changed) say(`${name.padEnd(26)} ${status}${noteOf(task)}`);
    };
  }

  stop(): void {
    this.bars?.stop();
  }
}

function move(bar: SingleBar, status: string, task: Partial<TaskSeen>): void {
  const percent = status === 'FINISHED' ? 100 : task.progress?.percent;
  const note = task.progress?.message;
  const payload = { status: status.padEnd(9), ...(note === undefined || note === null ? {} : { note }) };
  if (percent === undefined) bar.update(payload);
  else bar.update(Math.floor(percent), payload);
}

function noteOf(task: Partial<TaskSeen>): string {
  const message = task.error?.message ?? task.progress?.message ?? '';
  return message === '' ? '' : ` (${message})`;
}

/** One line of the story. */
export function say(line = ''): void {
  process.stdout.write(`  ${line}\n`);
}

/** A heading of the story. */
export function chapter(title: string): void {
  process.stdout.write(`\n${title}\n`);
}
