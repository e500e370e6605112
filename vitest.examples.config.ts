import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const LONG = ['browser-bundle', 'hosted-example', 'node-versions'].map((name) => `test/system/${name}.system.test.ts`);

/** What takes long and tries the package as its users have it: the examples, a browser's bundle, other versions of Node. */
export default defineConfig({
  resolve: {
    alias: {
      'mcp-oauth-client/testing': fileURLToPath(new URL('src/testing/index.ts', import.meta.url)),
      'mcp-oauth-client': fileURLToPath(new URL('src/index.ts', import.meta.url)),
    },
  },
  test: {
    include: ['test/examples/**/*.test.ts', ...LONG],
    pool: 'forks',
    fileParallelism: false,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
