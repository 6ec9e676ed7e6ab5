import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

/** `npm run storm`: long runs that kill things at random. Not part of `npm test`. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/storm/**/*.storm.ts'],
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
