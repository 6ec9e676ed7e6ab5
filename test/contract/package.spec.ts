import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

// The cast: npm's own file, of which we look at one field.
const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  dependencies: Record<string, string>;
};

/**
 * What knows its own by identity: Nest's classes as injection tokens, the metadata of decorators, entity managers. npm gives us
 * the host app's copy only if our range takes its version; with a copy of our own the app does not start.
 */
test.each([
  '@nestjs/bull',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/schedule',
  '@nestjs/swagger',
  'class-transformer',
  'class-validator',
  'reflect-metadata',
  'rxjs',
  'typeorm',
])('%s may be the copy that a host app has', (name) => {
  expect(dependencies[name]).toMatch(/^\^/);
});
