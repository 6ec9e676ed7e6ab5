import { copyFileSync, mkdirSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Copies what is not TypeScript (the dashboard's files) from `from` to `to` whenever it changes, as the build does. Returns
 * the function that ends the watch.
 */
export function watchAssets(from: string, to: string, copied: (file: string) => void): () => void {
  const watcher = watch(from, { recursive: true }, (_, file) => {
    if (file === null || file.endsWith('.ts') || !copy(join(from, file), join(to, file))) return;
    copied(file);
  });
  watcher.on('error', () => undefined); // a folder vanished under it: the next build copies what is left
  return () => {
    watcher.close();
  };
}

function copy(from: string, to: string): boolean {
  try {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
    return true;
  } catch {
    return false; // a folder, or an editor's file that is gone already
  }
}
