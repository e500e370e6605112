import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A directory for machine-readable results, beside what is printed. */
const reports = process.env['TEST_REPORTS'];

export default defineConfig({
  // Examples import the package by its name, as a user does.
  resolve: {
    alias: {
      'mcp-oauth-client/testing': fileURLToPath(new URL('src/testing/index.ts', import.meta.url)),
      'mcp-oauth-client': fileURLToPath(new URL('src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/system/**'],
    pool: 'forks',
    // Most tests wait for sockets and processes and not for the processor.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    testTimeout: 10_000,
    hookTimeout: 10_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/unit.json` }]],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text', 'html'], reportsDirectory: 'coverage' },
  },
});
