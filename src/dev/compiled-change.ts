import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Tells whether compiled files have changed since the last look. By content: a compiler that starts to watch may write
 * everything anew, and nobody wants a restart for that.
 */
export class CompiledChange {
  private seen: string;

  constructor(private readonly folder: string) {
    this.seen = digest(folder);
  }

  /** True when the code differs from that of the last look (or of the moment this object was made). */
  look(): boolean {
    const now = digest(this.folder);
    const changed = now !== this.seen;
    this.seen = now;
    return changed;
  }
}

function digest(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.js'),
  );
  const hash = createHash('sha256');
  for (const name of files.sort()) hash.update(name).update(content(join(folder, name)));
  return hash.digest('hex');
}

function content(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0); // removed while we looked
  }
}
