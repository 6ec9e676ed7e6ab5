import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const NEED_NEWER_NODE = new Set(['pg-boss', 'graphile-worker']);

/** pg-boss and graphile-worker want Node 22; everybody else runs on the Node of the bench. */
export function nodeFor(contender) {
  if (!NEED_NEWER_NODE.has(contender) || Number(process.versions.node.split('.')[0]) >= 22)
    return process.execPath;
  return newerNode() ?? process.execPath;
}

function newerNode() {
  const require = createRequire(import.meta.url);
  try {
    const binary = join(
      dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)),
      'bin/node',
    );
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined; // no such package for this platform
  }
}
