/**
 * Builds dist/: declarations by the compiler, JavaScript by a bundler. One file loads in a third of the time of a hundred,
 * and what an application pays at its start is measured by `npm run bench`.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { browserParts } from './browser-parts.js';

const require = createRequire(import.meta.url);
/** Small, pure, and CommonJS: beside an ESM-only SDK it would pull in Node's other loader. So it is part of the bundle. */
const INLINED = ['ipaddr.js'];
const { name, dependencies, optionalDependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

rmSync('dist', { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
const common = {
  outdir: 'dist',
  bundle: true,
  // What is loaded on use (connections, the browser) stays a file of its own.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  external: Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }),
  logLevel: 'warning',
};

/** An entry point that builds on the main one imports the copy that the application has, of whichever platform. */
const packageByName = {
  name: 'package-by-name',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: name, external: true }));
  },
};
// Each on its own: what they share would be a file more to load for every application.
await build({ ...common, entryPoints: { index: 'src/index.ts' }, chunkNames: 'chunks/[name]-[hash]' });
// Nobody steps through the command, and its map would be a quarter of what is installed.
await build({
  ...common,
  entryPoints: { cli: 'src/cli/main.ts' },
  chunkNames: 'chunks/cli-[name]-[hash]',
  sourcemap: false,
});
await build({
  ...common,
  entryPoints: { 'testing/index': 'src/testing/index.ts' },
  splitting: false,
  plugins: [packageByName],
});
await build({
  ...common,
  entryPoints: { browser: 'src/index.ts' },
  splitting: false,
  platform: 'browser',
  target: 'es2022',
  plugins: [browserParts],
});

// npm makes it so when it installs; whoever runs it from a checkout has no npm in between.
chmodSync('dist/cli.js', 0o755);

const notices = INLINED.map((name) => {
  const folder = dirname(require.resolve(`${name}/package.json`));
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${name} ${version}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8').trim()}\n`;
});
writeFileSync('dist/THIRD-PARTY-LICENSES.txt', notices.join('\n'));
