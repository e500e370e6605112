import { defineConfig } from 'vitest/config';

const reports = process.env['TEST_REPORTS'];

/** Tests that need more than Node: a browser, programs of the system, or the package registry. */
export default defineConfig({
  test: {
    include: ['test/system/**/*.system.test.ts'],
    pool: 'forks',
    // Each starts programs of its own; side by side they would measure each other.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/system.json` }]],
  },
});
