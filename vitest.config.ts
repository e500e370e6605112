import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** A directory for machine-readable results, beside what is printed. */
const reports = process.env['TEST_REPORTS'];

const tests = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((path) => join('test', path))
  .filter((path) => path.endsWith('.test.ts') && !/node_modules|^test.system/.test(path));
/** They wait for real time, and a processor that is busy with others would keep them waiting. */
const timed = ['test/soak/real-time.test.ts'];
/** They replace a module, which those that share its process would see. */
const replacing = tests.filter((path) => readFileSync(path, 'utf8').includes('vi.mock('));
const others = tests.filter((path) => !timed.includes(path) && !replacing.includes(path));

const shared = {
  pool: 'forks',
  testTimeout: 10_000,
  hookTimeout: 10_000,
  restoreMocks: true,
  unstubEnvs: true,
  unstubGlobals: true,
} as const;
// Most tests wait for sockets and processes and not for the processor.
const maxWorkers = Math.max(4, availableParallelism() - 1);

export default defineConfig({
  // Examples import the package by its name, as a user does.
  resolve: {
    alias: {
      'mcp-oauth-client/testing': fileURLToPath(new URL('src/testing/index.ts', import.meta.url)),
      'mcp-oauth-client': fileURLToPath(new URL('src/index.ts', import.meta.url)),
    },
  },
  test: {
    projects: [
      // The library has no state of its own, so files share a process: to load the servers anew for each took a third of the time.
      {
        extends: true,
        test: { ...shared, name: 'unit', include: others, isolate: false, maxWorkers, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { ...shared, name: 'replaced', include: replacing, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
      { extends: true, test: { ...shared, name: 'timed', include: timed, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
    reporters: reports === undefined ? ['default'] : ['default', ['json', { outputFile: `${reports}/unit.json` }]],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text', 'html'], reportsDirectory: 'coverage' },
  },
});
