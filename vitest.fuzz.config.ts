import { defineConfig } from 'vitest/config';

/** The fuzz targets of `test/fuzz` with many inputs each: `npm run fuzz`; another number: `FUZZ_RUNS`. */
export default defineConfig({
  test: {
    include: ['test/fuzz/**/*.test.ts'],
    pool: 'forks',
    // One at a time: each measures how long its inputs take.
    fileParallelism: false,
    testTimeout: 3_600_000,
    env: { FUZZ_RUNS: process.env['FUZZ_RUNS'] ?? '100000' },
    reporters: ['verbose'],
  },
});
