import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['./test/support/reporter.ts'],
    pool: 'forks',
    // A process takes file after file: Nest and TypeORM are loaded three times in all, not once a file.
    isolate: false,
    // One more than the cores we reckon with: most tests wait for other processes.
    maxWorkers: 3,
    // Tests wait for conditions, so these limits only say when to give up on a machine that is busy with other things.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // A shared CI machine may be frozen for seconds. The reporter names every test that needed a second try.
    retry: process.env.CI === undefined ? 0 : 2,
  },
});
