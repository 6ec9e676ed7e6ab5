import { createHash } from 'node:crypto';
import type { FailureKind } from '../ledger/index.js';

/** What makes two failures the same trouble. */
export interface FailureCause {
  readonly job: string;
  readonly kind: FailureKind;
  readonly name: string;
  readonly message: string;
  readonly stack: string | null;
}

/**
 * 16 hex digits that are the same for failures of one cause: the job, the kind, the error's class and the topmost frame
 * that is neither Node's nor a package's. Line and column are left out, so that the next release, in which they have
 * moved, does not make an old trouble look new. Without such a frame the message speaks for it, its numbers and ids
 * left out. Pure.
 */
export function fingerprintOf(cause: FailureCause): string {
  const place = ownFrame(cause.stack) ?? withoutParticulars(cause.message);
  return createHash('sha256')
    .update([cause.job, cause.kind, cause.name, place].join('\n'))
    .digest('hex')
    .slice(0, 16);
}

/** `function file` of the topmost own frame; the file from its `src/`, `dist/` or last two folders on. */
export function ownFrame(stack: string | null): string | null {
  for (const line of stack?.split('\n') ?? []) {
    const frame = FRAME.exec(line);
    if (frame === null) continue;
    const [, inParentheses, file = ''] = frame;
    if (FOREIGN.test(file)) continue;
    return `${inParentheses?.trim() ?? ''} ${shortPath(file)}`;
  }
  return null;
}

// "    at Class.method (file:///app/dist/jobs/a.js:12:34)" or "    at /app/dist/jobs/a.js:12:34"
const FRAME = /^\s+at (?:(.*?) \()?((?:[a-z]+:\/\/)?[^\s()]+?):\d+:\d+\)?$/;
const FOREIGN = /node_modules|^node:|^internal\//;

// The folder an app is deployed to differs from release to release on some platforms.
function shortPath(file: string): string {
  const parts = file.replace(/^file:\/\//, '').split(/[\\/]/);
  const root = Math.max(parts.lastIndexOf('src'), parts.lastIndexOf('dist'));
  return parts.slice(root >= 0 ? root : -3).join('/');
}

function withoutParticulars(message: string): string {
  return message
    .split('\n', 1)
    .join('')
    .replaceAll(/[0-9a-f]{8,}(?:-[0-9a-f]+)*/gi, '#')
    .replaceAll(/\d+/g, '#')
    .slice(0, 200);
}
