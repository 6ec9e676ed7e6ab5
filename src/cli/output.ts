import type { Column } from './table.js';
import { tableOf } from './table.js';

/** Where the words go. Tests and the real process have one each. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/**
 * The answer goes to stdout: text for people, or with `--json` one document for machines (one a line while following).
 * Everything said on the way goes to stderr, so that a pipe carries nothing but the answer.
 */
export class Output {
  json = false;

  constructor(readonly streams: Streams) {}

  /** The answer: `document` with --json, else the text. */
  answer(document: unknown, text: () => string): void {
    this.line(this.json ? JSON.stringify(document) : printable(text()));
  }

  /** A list as a table, or `{items}` with --json; `nothing` is said when it is empty. */
  list<T>(items: readonly T[], columns: readonly Column<T>[], nothing: string, more: object = {}): void {
    this.answer({ items, ...more }, () => (items.length === 0 ? nothing : tableOf(columns, items)));
  }

  /** Something said on the way. */
  note(text: string): void {
    this.streams.stderr.write(`${printable(text)}\n`);
  }

  private line(text: string): void {
    this.streams.stdout.write(`${text}\n`);
  }
}

// What a job or its error said may hold characters that drive the terminal.
function printable(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}/gu, ' ');
}
