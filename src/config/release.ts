import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Environment } from './environment.js';

/**
 * What names this release: RELEASE, or what the platform sets, or the hash of the build. Never empty: a drain wish is
 * bound to it, and a new release must be able to tell itself from the old one.
 */
export function releaseOf(env: Environment): string {
  return namedRelease(env) ?? buildHash();
}

/** Whether the environment names the release: without a name it is the hash of the build, which another checkout does not share. */
export function isReleaseNamed(env: Environment): boolean {
  return namedRelease(env) !== undefined;
}

function namedRelease(env: Environment): string | undefined {
  return [
    'RELEASE',
    'HEROKU_SLUG_COMMIT',
    'HEROKU_RELEASE_VERSION',
    'GIT_SHA',
    'GIT_COMMIT',
    'SOURCE_VERSION',
  ]
    .map((name) => env[name]?.trim())
    .find((value) => value !== undefined && value !== '');
}

function buildHash(): string {
  const file = fileURLToPath(new URL('../build-hash.txt', import.meta.url));
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  return createHash('sha256')
    .update(fileURLToPath(import.meta.url))
    .digest('hex')
    .slice(0, 12);
}
