import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that every account may enter, as PostgreSQL must when the tests run as root. */
export function openFolder(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `shiftwork-${name}-`));
  chmodSync(dir, 0o755);
  return dir;
}
